// The loop's part of the debug mode: slow callbacks, foreign threads, and how it is switched on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace debug_mode_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

// S26: the environment switches it on; an explicit choice wins.
TEST(debug_mode, comes_from_the_environment) {
    ::setenv("ASYNCIODEBUG", "1", 1);
    const auto on = new_event_loop();
    ::setenv("ASYNCIODEBUG", "0", 1);
    const auto off = new_event_loop();
    ::setenv("ASYNCIODEBUG", "", 1);
    const auto empty = new_event_loop();
    ::unsetenv("ASYNCIODEBUG");
    const auto none = new_event_loop();
    EXPECT_TRUE(on->get_debug());
    EXPECT_FALSE(off->get_debug());
    EXPECT_FALSE(empty->get_debug());
    EXPECT_FALSE(none->get_debug());
    on->set_debug(false);
    EXPECT_FALSE(on->get_debug());
}

// S25: a callback that takes long is reported.
TEST(debug_mode, reports_slow_callbacks) {
    manual_loop loop;
    reports told(*loop);
    EXPECT_EQ(loop->slow_callback_duration(), 100ms);
    const auto take = [&](std::chrono::nanoseconds d) { loop.outside->advance(d); };
    loop->call_soon(take, 200ms);
    loop->run_ready();
    EXPECT_TRUE(told.all.empty());
    loop->set_debug(true);
    loop->call_soon(take, 99ms);
    loop->run_ready();
    EXPECT_TRUE(told.all.empty());
    loop->call_soon(take, 100ms);
    loop->run_ready();
    ASSERT_EQ(told.all.size(), 1u);
    EXPECT_EQ(told.all[0].message,
              "Executing a callback took 0.100 seconds; the loop could do nothing else meanwhile");
    loop->slow_callback_duration(5ms);
    EXPECT_EQ(loop->slow_callback_duration(), 5ms);
    loop->call_soon(take, 5ms);
    loop->run_ready();
    EXPECT_EQ(told.all.size(), 2u);
}

// What the exception handler does with the report is not the callback's fault.
TEST(debug_mode, a_report_does_not_make_a_callback_slow) {
    manual_loop loop;
    loop->set_debug(true);
    std::vector<std::string> told;
    loop->set_exception_handler([&](event_loop&, const exception_context& c) {
        told.push_back(c.message);
        loop.outside->advance(1s);
    });
    loop->call_soon([] { throw std::runtime_error("no"); });
    loop->run_ready();
    EXPECT_EQ(told, std::vector<std::string>{"Exception in a callback"});
}

coroutine<> slow_inside(support::manual_backend& outside) {
    co_await sleep(0s);
    outside.advance(150ms);
    co_await sleep(0s);
}

// S25: a step of a task that takes long is reported with the task's name and its awaits.
TEST(debug_mode, reports_slow_steps) {
    manual_loop loop;
    loop->set_debug(true);
    reports told(*loop);
    const auto t = loop->create_task(slow_inside(*loop.outside));
    t.set_name("snail");
    loop->run_ready();
    EXPECT_TRUE(t.done());
    ASSERT_EQ(told.all.size(), 1u);
    EXPECT_NE(told.all[0].message.find("took 0.150 seconds"), std::string::npos);
    EXPECT_EQ(told.all[0].task_name, "snail");
    EXPECT_TRUE(told.contains("slow_inside"));
    EXPECT_TRUE(told.contains("debug_mode_test.cpp:"));
}

TEST(debug_mode, a_slow_callback_that_throws_is_reported_twice) {
    manual_loop loop;
    loop->set_debug(true);
    reports told(*loop);
    loop->call_soon([&] {
        loop.outside->advance(1s);
        throw std::runtime_error("no");
    });
    loop->run_ready();
    EXPECT_EQ(told.all.size(), 2u);
}

// S23: only in debug mode, calls from a foreign thread throw.
TEST(debug_mode, calls_from_a_foreign_thread_throw) {
    const auto loop = new_event_loop();
    const auto f = loop->create_future<int>();
    const auto t = loop->create_task(sleep(1h));
    int refused = 0;
    std::string message;
    const auto from_a_thread = [&](auto&& call) {
        std::thread other([&] {
            try {
                call();
            } catch (const std::runtime_error& e) {
                ++refused;
                message = e.what();
            }
        });
        other.join();
    };
    loop->call_soon([&] {
        from_a_thread([&] { loop->call_soon([] {}); });
        EXPECT_EQ(refused, 0);
        loop->set_debug(true);
        from_a_thread([&] { loop->call_soon([] {}); });
        EXPECT_EQ(message,
                  "asyncio: call_soon was called from a thread that does not run this loop; use "
                  "call_soon_threadsafe");
        from_a_thread([&] { loop->call_later(1s, [] {}); });
        from_a_thread([&] { loop->call_at(loop->time(), [] {}); });
        from_a_thread([&] { loop->add_reader(0, [] {}); });
        from_a_thread([&] { (void)loop->create_task(sleep(0s)); });
        from_a_thread([&] { f.set_result(1); });
        from_a_thread([&] { f.set_exception(std::runtime_error("x")); });
        from_a_thread([&] { f.cancel(); });
        from_a_thread([&] { f.add_done_callback([](const future<int>&) {}); });
        from_a_thread([&] { t.cancel(); });
        from_a_thread([&] { loop->call_soon_threadsafe([&] { loop->stop(); }); });
    });
    loop->run_forever();
    EXPECT_EQ(refused, 10);
    EXPECT_FALSE(f.done());
    t.cancel();
    loop->run_ready();
}

TEST(debug_mode, may_change_in_the_middle) {
    const auto loop = new_event_loop();
    const auto toggles = [](event_loop& l) -> coroutine<int> {
        for (int i = 0; i < 10; ++i) {
            l.set_debug(i % 2 == 0);
            co_await sleep(0s);
        }
        co_return 1;
    };
    EXPECT_EQ(loop->run_until_complete(toggles(*loop)), 1);
}

}  // namespace debug_mode_test
