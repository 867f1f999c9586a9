// A value on three hosts, clients that retry, and a network that falls apart: is it one value?
//
// A client asks all hosts and goes on when two of three have answered. To write, it learns the
// highest version from two and puts the next one on two. To read, it learns the newest value from
// two - and has to put that value on two as well before it tells it: a careless client that does
// not may tell a new value, and the next one the old value again. The simulation finds that.
//
// EXPECT-STDOUT: careless reads: a seed has broken them
// EXPECT-STDOUT: careful reads: linearizable under 300 seeds
#include <asyncio/asyncio.hpp>
#include <asyncio/testing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "history.hpp"

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::testing::expect;
using asyncio::testing::simulation;

namespace {

constexpr int hosts = 3;
constexpr int majority = 2;
constexpr int port = 5000;

std::string name_of(int host) { return "store" + std::to_string(host); }

/// What a host keeps: it survives its process, as a disk would.
struct cell {
    long long version = 0;
    int value = 0;
};

// ---- a host: nothing in it knows of the simulation ----

coroutine<> answer(cell& disk, asyncio::stream_reader reader, asyncio::stream_writer writer) {
    try {
        const std::string request = co_await reader.readline();
        cell put;
        if (std::sscanf(request.c_str(), "put %lld %d", &put.version, &put.value) == 2 &&
            put.version > disk.version)
            disk = put;
        writer.write(std::to_string(disk.version) + " " + std::to_string(disk.value) + "\n");
        co_await writer.drain();
    } catch (const std::system_error&) {
        // The client has gone. It will ask again.
    }
}

coroutine<> serve(cell& disk) {
    const auto handler = [&disk](asyncio::stream_reader r, asyncio::stream_writer w) {
        return answer(disk, std::move(r), std::move(w));
    };
    auto server = co_await asyncio::start_server(handler, "", port);
    co_await server.serve_forever();
}

// ---- a client: nor in it ----

enum class read_mode : unsigned char { careless, careful };

coroutine<cell> ask(int host, std::string request) {
    auto [reader, writer] = co_await asyncio::open_connection(name_of(host), port);
    writer.write(request);
    const std::string text = co_await reader.readline();
    cell c;
    if (std::sscanf(text.c_str(), "%lld %d", &c.version, &c.value) != 2)
        throw std::runtime_error("no answer from " + name_of(host));
    co_return c;
}

/// The newest of the first two answers. Throws if there are no two in time.
coroutine<cell> ask_majority(std::string request) {
    std::vector<asyncio::task<cell>> asked;
    for (int h = 0; h < hosts; ++h)
        asked.push_back(asyncio::create_task(asyncio::wait_for(ask(h, request), 300ms)));
    // Two answers are enough: nobody will ask how the third one ended.
    const auto ignore = [](const asyncio::future<cell>& f) {
        if (!f.cancelled()) (void)f.exception();
    };
    for (const auto& t : asked) t.add_done_callback(ignore);
    cell newest;
    int answers = 0;
    for (auto next : asyncio::as_completed(asked)) {
        const auto outcome = co_await asyncio::as_outcome(std::move(next));
        if (outcome.cancelled()) outcome.value();
        if (!outcome.has_value()) continue;
        if (outcome.value().version > newest.version) newest = outcome.value();
        if (++answers == majority) break;
    }
    if (answers < majority) throw std::runtime_error("no majority");
    co_return newest;
}

std::string put_request(const cell& c) {
    return "put " + std::to_string(c.version) + " " + std::to_string(c.value) + "\n";
}

/// Tries again, always with the same request: to put the same version twice changes nothing.
coroutine<cell> insist(std::string request) {
    asyncio::random_source random;
    for (int attempt = 0;; ++attempt) {
        const auto answer = co_await asyncio::as_outcome(ask_majority(request));
        if (answer.has_value() || answer.cancelled() || attempt == 4) co_return answer.value();
        co_await asyncio::sleep(1ms * (20 << attempt) + 1ms * static_cast<int>(random() % 20));
    }
}

class client {
   public:
    client(int number, read_mode mode) : number_(number), mode_(mode) {}

    coroutine<> write(int value) {
        const cell newest = co_await insist("get\n");
        // Nobody else has this version: the client's number is its last digit.
        last_version_ = (std::max(newest.version, last_version_) / 10 + 1) * 10 + number_;
        (void)co_await insist(put_request({last_version_, value}));
    }

    coroutine<int> read() {
        const cell newest = co_await insist("get\n");
        if (mode_ == read_mode::careful) (void)co_await insist(put_request(newest));
        co_return newest.value;
    }

   private:
    int number_;
    read_mode mode_;
    long long last_version_ = 0;
};

// ---- the test ----

struct test {
    std::vector<operation> history{};
    int last_value = 0;
};

long long now() { return simulation::current().elapsed().count(); }

coroutine<> write_once(test& t, client& c) {
    const std::size_t at = t.history.size();
    const int value = ++t.last_value;
    t.history.push_back({operation::kind::write, value, now(), open_end});
    const auto outcome = co_await asyncio::as_outcome(c.write(value));
    // One that has failed may have reached a host all the same: its end stays open.
    if (outcome.has_value()) t.history[at].ended = now();
}

coroutine<> read_once(test& t, client& c) {
    const long long begun = now();
    const auto outcome = co_await asyncio::as_outcome(c.read());
    if (outcome.has_value())
        t.history.push_back({operation::kind::read, outcome.value(), begun, now()});
}

coroutine<> use(test& t, int number, read_mode mode) {
    client c(number, mode);
    asyncio::random_source random;
    for (int i = 0; i < 6; ++i) {
        const bool writes = random() % 3 == 0;
        if (writes)
            co_await write_once(t, c);
        else
            co_await read_once(t, c);
        co_await asyncio::sleep(1ms * static_cast<int>(random() % 50));
    }
}

coroutine<> break_the_network(asyncio::random_source random) {
    const auto sim = simulation::current();
    for (;;) {
        co_await asyncio::sleep(1ms * static_cast<int>(random() % 300));
        const std::string victim = name_of(static_cast<int>(random() % hosts));
        const bool dies = random() % 3 == 0;
        if (dies)
            sim.get_host(victim).kill();
        else
            sim.isolate(victim);
        co_await asyncio::sleep(1ms * static_cast<int>(random() % 400));
        if (dies)
            sim.get_host(victim).restart();
        else
            sim.heal();
    }
}

coroutine<> check_store(read_mode mode) {
    std::vector<cell> disks(hosts);
    test t;
    for (int h = 0; h < hosts; ++h)
        simulation::current().get_host(name_of(h)).run(serve, std::ref(disks[std::size_t(h)]));
    co_await asyncio::sleep(10ms);
    const auto trouble = asyncio::create_task(break_the_network, asyncio::random_source());
    co_await asyncio::gather(asyncio::create_task(use, std::ref(t), 1, mode),
                             asyncio::create_task(use, std::ref(t), 2, mode),
                             asyncio::create_task(use, std::ref(t), 3, mode));
    trouble.cancel();
    expect(is_linearizable(t.history, 0), "one value explains this:" + history_text(t.history));
}

coroutine<> careless() { return check_store(read_mode::careless); }
coroutine<> careful() { return check_store(read_mode::careful); }

constexpr asyncio::testing::network_options network{
    .min_latency = 1ms, .max_latency = 20ms, .slow_packets = 0.1, .loss = 0.02};

void finds_careless_reads() {
    try {
        (void)asyncio::testing::explore(
            careless, {.seeds = 10'000, .minimise = false, .each = {.network = network}});
    } catch (const asyncio::testing::exploration_failed& e) {
        std::fputs(e.what(), stderr);
        std::puts("careless reads: a seed has broken them");
    }
}

void trusts_careful_reads() {
    const auto found =
        asyncio::testing::explore(careful, {.seeds = 300, .each = {.network = network}});
    std::printf("careful reads: linearizable under %llu seeds\n",
                static_cast<unsigned long long>(found.runs));
}

}  // namespace

int main() {
    finds_careless_reads();
    trusts_careful_reads();
}
