// run and runner. Beside it: run_main, and what signals do.
#include "asyncio/app/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "support/errors.hpp"

namespace run_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::error_of;

template <class F>
std::string printed(F&& f) {
    ::testing::internal::CaptureStderr();
    f();
    return ::testing::internal::GetCapturedStderr();
}

coroutine<int> number(int n) {
    co_await sleep(0s);
    co_return n;
}
coroutine<> fails(std::string what) {
    co_await sleep(0s);
    throw std::runtime_error(what);
}

// S125: the result and the error of main.
TEST(run, gives_what_main_gives) {
    EXPECT_EQ(run(number(3)), 3);
    EXPECT_EQ(error_of([] { run(fails("no")); }), "std::runtime_error: no");
    const auto unique = []() -> coroutine<std::unique_ptr<int>> {
        co_return std::make_unique<int>(4);
    };
    EXPECT_EQ(*run(unique()), 4);
    run(sleep(0s));
    EXPECT_EQ(run(sleep(0s, 5)), 5);
}

TEST(run, a_callable_with_options) {
    const auto in_debug_mode = []() -> coroutine<bool> {
        co_return get_running_loop().get_debug();
    };
    EXPECT_TRUE(run(in_debug_mode, {.debug = true}));
    EXPECT_FALSE(run(in_debug_mode, {.debug = false}));
}

TEST(run, a_callable_with_arguments) {
    EXPECT_EQ(run(number, 7), 7);
    const auto joins = [](std::string a, const std::string& b) -> coroutine<std::string> {
        co_await sleep(0s);
        co_return a + b;
    };
    EXPECT_EQ(run(joins, std::string("a"), "b"), "ab");
    int n = 0;
    const auto sets = [](int& target) -> coroutine<> {
        target = 1;
        co_return;
    };
    run(sets, std::ref(n));
    EXPECT_EQ(n, 1);
    const auto inside = []() -> coroutine<bool> { co_return get_running_loop().is_running(); };
    EXPECT_TRUE(run(inside));
}

TEST(run, null_is_refused) {
    coroutine<int> (*none)() = nullptr;
    EXPECT_EQ(error_of([&] { (void)run(none); }),
              "std::invalid_argument: asyncio: the callback is null: pass a function that can be "
              "called");
    EXPECT_THROW((void)run(std::function<coroutine<int>()>()), std::invalid_argument);
}

// S125: inside a running loop it is refused, and the error says enough of the coroutine.
TEST(run, refuses_a_running_loop) {
    bool started = false;
    const auto inner = [](bool& s) -> coroutine<> {
        s = true;
        co_return;
    };
    std::vector<std::string> told;
    const auto main = [](auto f, bool& s, std::vector<std::string>& t) -> coroutine<std::string> {
        get_running_loop().set_exception_handler(
            [&t](event_loop&, const exception_context& c) { t.push_back(c.message); });
        co_return error_of([&] { run(f(s)); });
    };
    EXPECT_EQ(run(main(inner, started, told)),
              "std::runtime_error: asyncio: run() was called while an event loop runs in this "
              "thread; inside a coroutine write co_await");
    EXPECT_FALSE(started);
    EXPECT_EQ(told, std::vector<std::string>());
}

// S126: what is left is cancelled and awaited; the result of main is kept.
TEST(run, cancels_what_is_left_and_waits_for_it) {
    std::string log;
    const auto lingers = [](std::string& l) -> coroutine<> {
        std::exception_ptr why;
        try {
            co_await sleep(1h);
        } catch (const cancelled_error& e) {
            l += std::string(to_string(e.reason().kind)) + ":" + std::string(e.message());
            why = std::current_exception();
        }
        for (int i = 0; i < 5; ++i) co_await sleep(0s);
        l += ":cleaned";
        std::rethrow_exception(why);
    };
    const auto main = [](auto f, std::string& l) -> coroutine<int> {
        (void)create_task(f, std::ref(l));
        co_await sleep(0s);
        co_return 3;
    };
    EXPECT_EQ(run(main(lingers, log)), 3);
    EXPECT_EQ(log, "shutdown:the run is ending:cleaned");
}

TEST(run, cancels_what_is_left_also_when_main_failed) {
    bool cancelled = false;
    const auto lingers = [](bool& c) -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            c = true;
        }
    };
    const auto main = [](auto f, bool& c) -> coroutine<int> {
        (void)create_task(f, std::ref(c));
        co_await sleep(0s);
        throw std::runtime_error("main failed");
    };
    EXPECT_EQ(error_of([&] { (void)run(main(lingers, cancelled)); }),
              "std::runtime_error: main failed");
    EXPECT_TRUE(cancelled);
}

// The step of a task that is ready when main ends comes before the end of the loop.
TEST(run, what_is_ready_takes_its_step) {
    bool ran = false;
    const auto main = [](bool& r) -> coroutine<int> {
        const auto sets = [](bool& flag) -> coroutine<> {
            flag = true;
            co_return;
        };
        (void)create_task(sets, std::ref(r));
        co_return 1;
    };
    EXPECT_EQ(run(main(ran)), 1);
    EXPECT_TRUE(ran);
}

// S127: their errors are reported.
TEST(run, errors_of_what_is_left_are_reported) {
    std::vector<std::string> told;
    const auto spoils = []() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            throw std::runtime_error("in the clean-up");
        }
    };
    const auto main = [](auto f, std::vector<std::string>& t) -> coroutine<int> {
        get_running_loop().set_exception_handler([&t](event_loop&, const exception_context& c) {
            t.push_back(c.message + "|" + c.task_name + "|" + detail::describe(c.exception));
        });
        (void)create_task({.name = "spoiler"}, f);
        co_await sleep(0s);
        co_return 1;
    };
    EXPECT_EQ(run(main(spoils, told)), 1);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0],
              "unhandled exception during asyncio.run() shutdown|spoiler|std::runtime_error: in "
              "the clean-up");
}

TEST(run, a_task_that_will_not_end_is_named_and_dropped) {
    const auto stubborn = []() -> coroutine<> {
        for (;;) {
            try {
                co_await sleep(1h);
            } catch (const cancelled_error&) {
            }
        }
    };
    const auto main = [](auto f) -> coroutine<int> {
        (void)create_task({.name = "stubborn"}, f);
        co_await sleep(0s);
        co_return 1;
    };
    const std::string text =
        printed([&] { EXPECT_EQ(run(main(stubborn), {.shutdown_deadline = 10ms}), 1); });
    EXPECT_NE(text.find("a task did not end within the shutdown deadline, it is dropped"),
              std::string::npos);
    EXPECT_NE(text.find("stubborn"), std::string::npos);
}

TEST(run, a_cycle_of_tasks_ends_with_it) {
    const auto waits = [](task<>& other) -> coroutine<> { co_await other; };
    task<> a;
    task<> b;
    const auto main = [](auto f, task<>& x, task<>& y) -> coroutine<int> {
        x = create_task(f, std::ref(y));
        y = create_task(f, std::ref(x));
        co_await sleep(0s);
        co_return 1;
    };
    EXPECT_EQ(run(main(waits, a, b), {.shutdown_deadline = std::nullopt}), 1);
    EXPECT_TRUE(a.cancelled() && b.cancelled());
}

TEST(run, a_fatal_exception_of_another_task_ends_it) {
    const auto exits = []() -> coroutine<> {
        co_await sleep(0s);
        throw system_exit(4);
    };
    bool main_cancelled = false;
    const auto main = [](auto f, bool& c) -> coroutine<int> {
        (void)create_task(f);
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            c = true;
            throw;
        }
        co_return 1;
    };
    int code = 0;
    try {
        (void)run(main(exits, main_cancelled));
    } catch (const system_exit& e) {
        code = e.code();
    }
    EXPECT_EQ(code, 4);
    EXPECT_TRUE(main_cancelled);
}

TEST(run, a_fatal_exception_at_the_end_is_thrown) {
    const auto exits_late = []() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            throw system_exit(5);
        }
    };
    const auto main = [](auto f) -> coroutine<> {
        (void)create_task(f);
        co_await sleep(0s);
    };
    int code = 0;
    try {
        run(main(exits_late));
    } catch (const system_exit& e) {
        code = e.code();
    }
    EXPECT_EQ(code, 5);
}

// S26: the debug mode of the options wins.
TEST(run, debug_mode) {
    const auto debug = []() -> coroutine<bool> { co_return get_running_loop().get_debug(); };
    EXPECT_FALSE(run(debug()));
    EXPECT_TRUE(run(debug(), {.debug = true}));
    ::setenv("ASYNCIODEBUG", "1", 1);
    EXPECT_TRUE(run(debug()));
    EXPECT_FALSE(run(debug(), {.debug = false}));
    ::unsetenv("ASYNCIODEBUG");
}

TEST(run, takes_loop_options) {
    const auto name = []() -> coroutine<std::string> { co_return get_running_loop().backend(); };
    EXPECT_NE(run(name(), {.loop = {.backend = backend_choice::epoll}}).find("epoll"),
              std::string::npos);
}

TEST(runner, runs_several_times_on_one_loop) {
    runner r;
    event_loop* first = &r.get_loop();
    const auto loop = []() -> coroutine<event_loop*> { co_return &get_running_loop(); };
    EXPECT_EQ(r.run(loop()), first);
    EXPECT_EQ(r.run(loop), first);
    EXPECT_EQ(error_of([&] { r.run(fails("no")); }), "std::runtime_error: no");
    EXPECT_EQ(r.run(number(1)), 1);
    EXPECT_FALSE(first->is_closed());
}

// S129: all runs of a runner share one context.
TEST(runner, keeps_its_context) {
    static context_var<int> variable("variable", 0);
    const auto adds = []() -> coroutine<int> {
        (void)variable.set(variable.get() + 1);
        co_return variable.get();
    };
    runner r;
    EXPECT_EQ(r.run(adds()), 1);
    EXPECT_EQ(r.run(adds()), 2);
    EXPECT_EQ(variable.get(), 0);
}

// S130: closing twice is nothing; use after it raises.
TEST(runner, close) {
    bool cancelled = false;
    const auto lingers = [](bool& c) -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            c = true;
        }
    };
    const auto main = [](auto f, bool& c) -> coroutine<> {
        (void)create_task(f, std::ref(c));
        co_await sleep(0s);
    };
    runner r;
    r.run(main(lingers, cancelled));
    EXPECT_FALSE(cancelled);  // it lives from run to run
    r.close();
    r.close();
    EXPECT_TRUE(cancelled);
    const char* closed = "std::runtime_error: asyncio: this runner is closed; make a new one";
    EXPECT_EQ(error_of([&] { (void)r.get_loop(); }), closed);
    EXPECT_EQ(error_of([&] { (void)r.run(number, 1); }), closed);
    runner unused;
    unused.close();
    const runner never;
    (void)never;
}

TEST(runner, what_a_handle_keeps_outlives_it) {
    future<int> kept;
    const auto main = [](future<int>& f) -> coroutine<> {
        f = get_running_loop().create_future<int>();
        co_return;
    };
    run(main(kept));
    EXPECT_FALSE(kept.done());
    EXPECT_TRUE(kept.get_loop().is_closed());
}

}  // namespace run_test
