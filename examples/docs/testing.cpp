// What docs/testing.md says, as a program.
//
// EXPECT-STDOUT: 86400 beats in a day
// EXPECT-STDOUT: deadlock
// EXPECT-STDOUT: found: the page is there
// EXPECT-STDOUT: it replays
// EXPECT-STDOUT: 1000 seeds
// EXPECT-STDOUT: nothing is lost
// EXPECT-STDOUT: over the network
#include <asyncio/asyncio.hpp>
#include <asyncio/testing.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::testing::expect;

coroutine<> heartbeat(int& beats) {
    for (;;) {
        co_await asyncio::sleep(1s);
        ++beats;
    }
}

coroutine<int> a_day() {
    int beats = 0;
    const auto heart = asyncio::create_task(heartbeat, std::ref(beats));
    co_await asyncio::sleep(24h + 1ms);
    co_return beats;
}

void simulates_a_day() {
    const int beats = asyncio::testing::simulate(a_day, {.seed = 7});
    std::printf("%d beats in a day\n", beats);
}

coroutine<> take_both(asyncio::lock& first, asyncio::lock& second) {
    const auto a = co_await first.scoped_acquire();
    co_await asyncio::sleep(1s);
    const auto b = co_await second.scoped_acquire();
}

coroutine<> philosophers() {
    asyncio::lock left("left");
    asyncio::lock right("right");
    co_await asyncio::gather(take_both(left, right), take_both(right, left));
}

void explains_a_deadlock() {
    try {
        asyncio::testing::simulate(philosophers, {.quiet = true});
    } catch (const asyncio::testing::deadlock_error&) {
        std::puts("deadlock");
    }
}

struct page {
    std::string text{};
    asyncio::event loaded;
};

coroutine<> load(page& p) {
    co_await asyncio::sleep(0s);
    p.text = "hello";
    p.loaded.set();
}

coroutine<> show_soon(page& p) {
    co_await asyncio::sleep(0s);  // load() is faster, as far as anybody has seen
    expect(!p.text.empty(), "the page is there");
}

coroutine<> show(page& p) {
    co_await p.loaded.wait();
    expect(!p.text.empty(), "the page is there");
}

coroutine<> hasty_browser() {
    page p;
    co_await asyncio::gather(load(p), show_soon(p));
}

coroutine<> browser() {
    page p;
    co_await asyncio::gather(load(p), show(p));
}

void replays(const std::string& text) {
    const auto trace = asyncio::testing::trace::parse(text);
    try {
        asyncio::testing::simulate(hasty_browser, {.quiet = true, .replay = &trace});
    } catch (const asyncio::testing::expectation_error&) {
        std::puts("it replays");
    }
}

void finds_a_race() {
    try {
        (void)asyncio::testing::explore(hasty_browser);
    } catch (const asyncio::testing::exploration_failed& e) {
        std::fputs(e.what(), stderr);
        std::puts("found: the page is there");
        replays(e.found().smallest.to_string());
    }
}

void explores() {
    const auto found = asyncio::testing::explore(browser, {.seeds = 1000});
    std::printf("%llu seeds\n", static_cast<unsigned long long>(found.runs));
}

int permits = 3;

coroutine<> careful() {
    permits = 3;
    struct permit {
        permit() { --permits; }
        ~permit() { ++permits; }
    };
    const permit p;
    co_await asyncio::sleep(1s);
}

void all_permits_are_back() { expect(permits == 3, "a permit is missing"); }

void disturbs() {
    asyncio::testing::cancel_everywhere(careful, all_permits_are_back);
    asyncio::testing::fail_every_allocation(careful, all_permits_are_back);
    std::puts("nothing is lost");
}

coroutine<> greet(asyncio::stream_reader, asyncio::stream_writer writer) {
    writer.write("hello\n");
    co_await writer.drain();
}

coroutine<> serve() {
    auto server = co_await asyncio::start_server(greet, "", 80);
    co_await server.serve_forever();
}

coroutine<> talk() {
    const auto sim = asyncio::testing::simulation::current();
    sim.get_host("server").run(serve);
    co_await asyncio::sleep(1s);

    auto [reader, writer] = co_await asyncio::open_connection("server", 80);
    sim.partition("main", "server");
    co_await asyncio::sleep(30s);
    sim.heal();
    expect(co_await reader.readline() == "hello\n");

    sim.get_host("server").kill();
    sim.get_host("server").restart();
}

void uses_a_network() {
    asyncio::testing::simulate(talk, {.network = {.min_latency = 1ms, .max_latency = 50ms}});
    std::puts("over the network");
}

int main() {
    simulates_a_day();
    explains_a_deadlock();
    finds_a_race();
    explores();
    disturbs();
    uses_a_network();
}
