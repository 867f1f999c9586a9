// Streams between hosts while everything goes wrong that can: who asks long enough is answered, and
// nobody gets foreign bytes.
#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>
#include <system_error>

#include "asyncio/asyncio.hpp"
#include "asyncio/testing.hpp"
#include "testing/seeds.hpp"

namespace trouble_test {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::sleep;
using asyncio::testing::expect;
using asyncio::testing::simulation;

constexpr int questions = 3;
constexpr int clients = 4;

coroutine<> echo(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    try {
        for (;;) {
            const std::string line = co_await reader.readline();
            if (line.empty()) break;
            writer.write(line);
            co_await writer.drain();
        }
    } catch (const std::system_error&) {
        // The client is gone.
    }
}

coroutine<> serve() {
    auto server = co_await asyncio::start_server(echo, "", 7);
    co_await server.serve_forever();
}

coroutine<> ask(std::string question) {
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    writer.write(question);
    const std::string answer = co_await reader.readline();
    expect(question.starts_with(answer), "foreign bytes");
    if (answer != question) throw asyncio::incomplete_read_error(answer, question.size());
    writer.close();
    co_await writer.wait_closed();
}

/// As long as it takes.
coroutine<> insist(int id, int& answered) {
    asyncio::random_source random;
    for (int i = 0; i < questions;) {
        const std::string question =
            std::to_string(id) + "/" + std::to_string(i) + std::string(random() % 5000, '.') + "\n";
        try {
            co_await asyncio::wait_for(ask(question), 3s);
            ++i;
            ++answered;
        } catch (const std::system_error&) {
        } catch (const asyncio::timeout_error&) {
        } catch (const asyncio::incomplete_read_error&) {
        }
        co_await sleep(1ms * static_cast<int>(random() % 300));
    }
}

void break_something(std::uint64_t how) {
    const auto sim = simulation::current();
    const auto server = sim.get_host("server");
    switch (how % 7) {
        case 0:
            return sim.partition("main", "server");
        case 1:
            return sim.block("main", "server");
        case 2:
            return sim.block("server", "main");
        case 3:
            return sim.reset_connections("main", "server");
        case 4:
            return server.kill();
        case 5:
            return server.power_off();
        default:
            return server.read_slowly(1ms * static_cast<int>(how / 7 % 50));
    }
}

void repair() {
    simulation::current().heal();
    const auto server = simulation::current().get_host("server");
    if (!server.is_up()) server.restart();
}

coroutine<> trouble() {
    asyncio::random_source random;
    for (int i = 0; i < 8; ++i) {
        co_await sleep(1ms * static_cast<int>(random() % 400));
        break_something(random());
        co_await sleep(1ms * static_cast<int>(random() % 2000));
        repair();
    }
}

coroutine<> everybody_asks() {
    simulation::current().get_host("server").run(serve);
    int answered = 0;
    asyncio::task_group group;
    const auto body = [&answered](asyncio::task_group& g) -> coroutine<> {
        g.create_task(trouble);
        for (int i = 0; i < clients; ++i) g.create_task(insist, i, std::ref(answered));
        co_return;
    };
    co_await asyncio::with(group, std::ref(body));
    expect(answered == clients * questions, "everybody is answered");
    simulation::current().get_host("server").kill();
}

TEST(trouble, ends) {
    asyncio::testing::explore_options options{.seeds = seeds()};
    options.each.network = {.slow_packets = 0.05,
                            .loss = 0.02,
                            .resets = 0.005,
                            .short_reads = 0.1,
                            .short_writes = 0.1,
                            .window = 3000};
    options.each.time_limit = 1h;
    const auto found = asyncio::testing::explore(everybody_asks, options);
    std::printf("[  counted ] %llu runs, %llu steps\n", static_cast<unsigned long long>(found.runs),
                static_cast<unsigned long long>(found.steps));
}

}  // namespace trouble_test
