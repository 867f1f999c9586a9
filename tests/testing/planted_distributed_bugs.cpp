// Bugs of several hosts: they need a network that fails.
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <system_error>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/loop/random.hpp"
#include "asyncio/net/resolver.hpp"
#include "asyncio/net/socket.hpp"
#include "asyncio/streams/open_connection.hpp"
#include "asyncio/streams/start_server.hpp"
#include "asyncio/testing/simulate.hpp"
#include "asyncio/testing/simulation.hpp"
#include "testing/planted_bugs.hpp"

namespace planted {

namespace {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::sleep;
using asyncio::testing::expect;
using asyncio::testing::simulation;

// ---- two leaders at once ----

constexpr int members = 3;
constexpr int port = 4000;

std::string name_of(int member) { return "node" + std::to_string(member); }

/// What the test can see of the cluster.
struct cluster {
    bool leads[members] = {};
    [[nodiscard]] int leaders() const { return int(leads[0]) + int(leads[1]) + int(leads[2]); }
};

struct node {
    node(cluster& c, int m) : all(c), me(m) {}
    cluster& all;
    int me;
    asyncio::time_point heard{};                     ///< the last heartbeat of a leader
    asyncio::time_point acknowledged[members] = {};  ///< the last sign of a follower
};

coroutine<> listen(node& n, asyncio::socket& s) {
    auto& loop = asyncio::get_running_loop();
    for (;;) {
        const auto d = co_await loop.sock_recvfrom(s, 100);
        const int from = d.data[1] - '0';
        if (d.data[0] == 'a') {
            n.acknowledged[from] = loop.time();
            continue;
        }
        // A heartbeat: the lower number wins.
        n.heard = loop.time();
        if (from < n.me) n.all.leads[n.me] = false;
        const std::string answer = "a" + std::to_string(n.me);
        co_await loop.sock_sendto(s, answer, d.address);
    }
}

template <version V>
bool may_lead(const node& n, asyncio::time_point now) {
    if (V == buggy) return true;
    // Only with a majority that has answered lately: sooner than the others elect anybody.
    int alive = 1;
    for (const auto at : n.acknowledged) alive += now - at < 250ms ? 1 : 0;
    return 2 * alive > members;
}

template <version V>
coroutine<> take_part(cluster& all, int me) {
    node n(all, me);
    auto& loop = asyncio::get_running_loop();
    asyncio::socket s(asyncio::address_family::ipv4, asyncio::socket_type::datagram);
    s.bind(asyncio::socket_address("0.0.0.0", port));
    const auto listener = create_task(listen, std::ref(n), std::ref(s));
    n.heard = loop.time();
    auto since = loop.time();
    for (;;) {
        co_await sleep(50ms);
        const auto now = loop.time();
        if (all.leads[me] && now - since > 250ms && !may_lead<V>(n, now)) all.leads[me] = false;
        // The one with the lowest number that hears nobody takes over first.
        if (!all.leads[me] && now - n.heard > 400ms + 200ms * me) {
            if (V == buggy) all.leads[me] = true;
            if (V == fixed && may_lead<V>(n, now)) all.leads[me] = true;
            if (all.leads[me]) since = now;
        }
        const bool candidate = V == fixed && now - n.heard > 300ms;
        if (!all.leads[me] && !candidate) continue;
        for (int other = 0; other < members; ++other) {
            if (other == me) continue;
            const std::string beat = (all.leads[me] ? "b" : "c") + std::to_string(me);
            const auto found = co_await loop.getaddrinfo(name_of(other), port);
            co_await loop.sock_sendto(s, beat, found[0].address);
        }
    }
}

template <version V>
coroutine<> split_brain_main() {
    cluster all;
    const auto sim = simulation::current();
    for (int m = 0; m < members; ++m) sim.get_host(name_of(m)).run(take_part<V>, std::ref(all), m);
    asyncio::random_source random;
    co_await sleep(2s);
    const bool troubled = !network_is_quiet && random() % 4 == 0;
    if (troubled) sim.isolate(name_of(static_cast<int>(random() % members)));
    for (int i = 0; i < 300; ++i) {
        co_await sleep(10ms);
        expect(all.leaders() <= 1, "two leaders");
    }
}

// ---- a message that was sent into a connection that broke ----

constexpr int messages = 10;

struct inbox {
    std::set<int> got{};
};

template <version V>
coroutine<> take_in(inbox& box, asyncio::stream_reader reader, asyncio::stream_writer writer) {
    try {
        for (;;) {
            const std::string line = co_await reader.readline();
            if (line.empty() || line.back() != '\n') break;
            box.got.insert(std::atoi(line.c_str()));
            if (V == fixed) {
                writer.write(line);
                co_await writer.drain();
            }
        }
    } catch (const std::system_error&) {
    }
}

template <version V>
coroutine<> serve_inbox(inbox& box) {
    const auto handler = [&box](asyncio::stream_reader r, asyncio::stream_writer w) {
        return take_in<V>(box, std::move(r), std::move(w));
    };
    auto server = co_await asyncio::start_server(handler, "", port);
    co_await server.serve_forever();
}

/// Sends what is left; true if all of it has arrived, as far as it knows.
template <version V>
coroutine<bool> send_from(int& next) {
    bool broken = false;
    try {
        auto [reader, writer] = co_await asyncio::open_connection("server", port);
        while (next < messages) {
            writer.write(std::to_string(next) + "\n");
            if (V == buggy) ++next;
            co_await writer.drain();
            if (V == fixed) {
                const std::string receipt = co_await reader.readline();
                if (receipt.empty()) co_return false;
                ++next;
            }
            co_await sleep(1ms);
        }
        writer.close();
        co_await writer.wait_closed();
    } catch (const std::system_error&) {
        broken = true;
    }
    co_return !broken;
}

template <version V>
coroutine<> message_lost_main() {
    inbox box;
    simulation::current().get_host("server").run(serve_inbox<V>, std::ref(box));
    co_await sleep(1s);
    int next = 0;
    bool all_sent = false;
    while (!all_sent) {
        all_sent = co_await send_from<V>(next);
        if (!all_sent) co_await sleep(100ms);
    }
    co_await sleep(1s);
    expect(box.got.size() == messages, "a message was lost");
}

}  // namespace

const bug split_brain{"split brain", split_brain_main<buggy>, split_brain_main<fixed>, true, {}};
const bug message_lost_on_reconnect{"a message lost on reconnect",
                                    message_lost_main<buggy>,
                                    message_lost_main<fixed>,
                                    true,
                                    {.resets = 0.002}};

}  // namespace planted
