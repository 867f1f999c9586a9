// The same coroutine in several threads: real threads, real sockets.
#include "asyncio/app/run_in_threads.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "asyncio/testing.hpp"
#include "support/errors.hpp"

namespace run_in_threads_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::error_of;

/// What the threads have in common.
struct shared {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::set<event_loop*> loops;
    std::atomic<int> began{0};
    std::atomic<int> ended{0};

    void begin() {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        loops.insert(&get_running_loop());
        ++began;
    }
};

struct counted_end {
    explicit counted_end(shared& s) : all(s) {}
    counted_end(const counted_end&) = delete;
    counted_end& operator=(const counted_end&) = delete;
    ~counted_end() { ++all.ended; }
    shared& all;
};

coroutine<> looks_around(shared& s) {
    const counted_end end(s);
    s.begin();
    co_await sleep(0s);
    while (s.began < 3) co_await sleep(1ms);
}

TEST(run_in_threads, each_thread_has_a_loop_of_its_own) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        const thread_options three{.threads = 3};
        co_await run_in_threads(three, looks_around, std::ref(s));
    };
    run(main());
    EXPECT_EQ(s.threads.size(), 3u);
    EXPECT_EQ(s.loops.size(), 3u);
    EXPECT_EQ(s.ended, 3);
    EXPECT_EQ(s.threads.count(std::this_thread::get_id()), 0u);
}

coroutine<> counts(shared& s) {
    s.begin();
    co_return;
}

TEST(run_in_threads, as_many_as_there_are_cores) {
    shared s;
    const auto main = [&]() -> coroutine<> { co_await run_in_threads({}, counts, std::ref(s)); };
    run(main());
    EXPECT_EQ(static_cast<unsigned>(s.began), std::max(1u, std::thread::hardware_concurrency()));
}

coroutine<> fails_when_all_run(shared& s, std::atomic<int>& chosen) {
    const counted_end end(s);
    s.begin();
    if (chosen.fetch_add(1) != 0) co_await sleep(1h);
    while (s.began < 3) co_await sleep(1ms);
    throw std::runtime_error("this one fails");
}

TEST(run_in_threads, an_error_ends_the_others_and_is_thrown) {
    shared s;
    std::atomic<int> chosen{0};
    const auto main = [&]() -> coroutine<> {
        co_await run_in_threads({.threads = 3}, fails_when_all_run, std::ref(s), std::ref(chosen));
    };
    EXPECT_EQ(error_of([&] { run(main()); }), "std::runtime_error: this one fails");
    EXPECT_EQ(s.ended, 3);
}

coroutine<> fails_when_it_is_stopped(shared& s) {
    s.begin();
    try {
        co_await sleep(1h);
    } catch (const cancelled_error& e) {
        EXPECT_EQ(e.message(), "the threads are being stopped");
        throw std::runtime_error("cannot clean up");
    }
}

coroutine<> wait_for_all(shared& s, int wanted) {
    while (s.began < wanted) co_await sleep(1ms);
}

TEST(run_in_threads, further_errors_are_reported) {
    shared s;
    std::vector<std::string> told;
    const auto main = [&]() -> coroutine<> {
        get_running_loop().set_exception_handler(
            [&](event_loop&, const exception_context& c) { told.push_back(c.message); });
        const auto all =
            create_task(run_in_threads({.threads = 2}, fails_when_it_is_stopped, std::ref(s)));
        co_await wait_for_all(s, 2);
        all.cancel();
        co_await all;
    };
    EXPECT_EQ(error_of([&] { run(main()); }), "std::runtime_error: cannot clean up");
    EXPECT_EQ(told, std::vector<std::string>{"Another thread of run_in_threads failed, too"});
}

coroutine<> serves_for_ever(shared& s) {
    const counted_end end(s);
    s.begin();
    co_await sleep(1h);
}

TEST(run_in_threads, ends_in_order_at_ctrl_c) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        get_running_loop().call_later(5ms, [&] {
            while (s.began < 2) std::this_thread::yield();
            ::raise(SIGINT);
        });
        co_await run_in_threads({.threads = 2}, serves_for_ever, std::ref(s));
    };
    EXPECT_THROW(run(main()), keyboard_interrupt);
    EXPECT_EQ(s.ended, 2);
}

TEST(run_in_threads, a_timeout_stops_them) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        auto all = run_in_threads({.threads = 2}, serves_for_ever, std::ref(s));
        co_await wait_for(std::move(all), 20ms);
    };
    EXPECT_THROW(run(main()), timeout_error);
    EXPECT_EQ(s.began, s.ended);
}

coroutine<> ends_late(shared& s) {
    const counted_end end(s);
    s.begin();
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
    }
    co_await sleep(2ms);
}

TEST(run_in_threads, a_second_cancel_still_waits_for_them) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        const auto all = create_task(run_in_threads({.threads = 2}, ends_late, std::ref(s)));
        co_await wait_for_all(s, 2);
        all.cancel();
        co_await sleep(0s);
        all.cancel();
        EXPECT_EQ((co_await as_outcome(all)).cancelled(), true);
        EXPECT_EQ(s.ended, 2);
    };
    run(main());
}

TEST(run_in_threads, cancelled_before_it_starts_it_starts_nothing) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        const auto all = create_task(run_in_threads({.threads = 2}, counts, std::ref(s)));
        all.cancel();
        EXPECT_TRUE((co_await as_outcome(all)).cancelled());
    };
    run(main());
    EXPECT_EQ(s.began, 0);
}

coroutine<> never_cancelled_itself(shared& s) {
    s.begin();
    current_task().cancel("mine");
    co_await sleep(1h);
}

TEST(run_in_threads, a_thread_that_cancels_itself_counts_as_failed) {
    shared s;
    const auto main = [&]() -> coroutine<> {
        co_await run_in_threads({.threads = 1}, never_cancelled_itself, std::ref(s));
    };
    EXPECT_THROW(run(main()), cancelled_error);
}

TEST(run_in_threads, threads_that_are_dropped_end_first) {
    shared s;
    {
        auto loop = new_event_loop();
        loop->set_exception_handler([](event_loop&, const exception_context&) {});
        const auto main = [&]() -> coroutine<> {
            const auto all =
                create_task(run_in_threads({.threads = 2}, serves_for_ever, std::ref(s)));
            co_await wait_for_all(s, 2);
        };
        loop->run_until_complete(main());
        loop->close();
    }
    EXPECT_EQ(s.ended, 2);
}

coroutine<> tells_how_it_runs(std::atomic<int>& debug, std::atomic<int>& spins, std::string name) {
    if (get_running_loop().get_debug()) ++debug;
    if (get_running_loop().spin == 20us) ++spins;
    EXPECT_EQ(name, "a name that is too long for the small string");
    co_return;
}

TEST(run_in_threads, takes_debug_mode_options_and_copies_of_the_arguments) {
    std::atomic<int> debug{0};
    std::atomic<int> spins{0};
    const auto main = [&]() -> coroutine<> {
        const std::string name = "a name that is too long for the small string";
        co_await run_in_threads({.threads = 2, .loop = {.spin = 20us}}, tells_how_it_runs,
                                std::ref(debug), std::ref(spins), name);
    };
    run(main(), {.debug = true});
    EXPECT_EQ(debug, 2);
    EXPECT_EQ(spins, 2);
}

TEST(run_in_threads, refuses_bad_input) {
    EXPECT_EQ(error_of([] {
                  shared s;
                  (void)run_in_threads({.threads = -1}, looks_around, std::ref(s));
              }),
              "std::invalid_argument: asyncio: run_in_threads: the number of threads is negative");
    EXPECT_NE(error_of([] {
                  coroutine<> (*none)() = nullptr;
                  (void)run_in_threads({}, none);
              }).find("the callback is null"),
              std::string::npos);
}

coroutine<> starts_threads() {
    shared s;
    co_await run_in_threads({.threads = 2}, looks_around, std::ref(s));
}

TEST(run_in_threads, a_simulation_starts_no_threads) {
    EXPECT_EQ(error_of([] { asyncio::testing::simulate(starts_threads()); }),
              "std::runtime_error: asyncio: run_in_threads starts real threads, which a simulation "
              "cannot order: call the function itself");
}

// ---- one port, several loops ----

struct port_of_all {
    int number = 0;
    std::atomic<int> listening{0};
    std::mutex mutex;
    std::map<std::thread::id, int> served;
};

coroutine<> serve(port_of_all& port) {
    const auto answer = [&port](stream_reader reader, stream_writer writer) -> coroutine<> {
        const std::string line = co_await reader.readline();
        {
            const std::lock_guard lock(port.mutex);
            ++port.served[std::this_thread::get_id()];
        }
        writer.write(line);
        co_await writer.drain();
    };
    auto server = co_await start_server(answer, "127.0.0.1", port.number, {.reuse_port = true});
    ++port.listening;
    co_await server.serve_forever();
}

coroutine<> ask_often(port_of_all& port, int times) {
    while (port.listening < 2) co_await sleep(1ms);
    for (int i = 0; i < times; ++i) {
        auto [reader, writer] = co_await open_connection("127.0.0.1", port.number);
        writer.write("hello\n");
        const std::string answer = co_await reader.read();
        EXPECT_EQ(answer, "hello\n");
    }
}

TEST(run_in_threads, loops_share_a_port_and_end_in_order) {
    constexpr int times = 64;
    port_of_all port;
    const auto main = [&]() -> coroutine<> {
        // Keeps the port for those who share it; nobody can connect to it.
        socket reserved(address_family::ipv4);
        reserved.setsockopt(socket_option::reuse_port, 1);
        reserved.bind(socket_address("127.0.0.1", 0));
        port.number = reserved.getsockname().port();
        const auto servers = create_task(run_in_threads({.threads = 2}, serve, std::ref(port)));
        co_await ask_often(port, times);
        servers.cancel();
        EXPECT_TRUE((co_await as_outcome(servers)).cancelled());
        const auto late = co_await as_outcome(open_connection("127.0.0.1", port.number));
        EXPECT_FALSE(late.has_value()) << "nobody listens any more";
    };
    run(main());
    int total = 0;
    for (const auto& [thread, n] : port.served) total += n;
    EXPECT_EQ(total, times);
    EXPECT_EQ(port.served.size(), 2u) << "one of two loops got all of 64 connections";
}

}  // namespace run_in_threads_test
