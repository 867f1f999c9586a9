// Running, stopping, closing. Beside it: callbacks (handle), descriptors (reader), signals,
// hosts, the exception handler and the debug mode.
#include "asyncio/loop/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/sync/barrier.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/task/async_generator.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace event_loop_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

template <class E, class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const E& e) {
        return e.what();
    }
    return "nothing was thrown";
}

coroutine<int> value(int n) { co_return n; }
coroutine<int> wait_for_it(future<int> f) { co_return co_await f; }
coroutine<> set(bool& ran) {
    ran = true;
    co_return;
}

TEST(new_event_loop, makes_a_loop_that_does_not_run) {
    constexpr loop_options options{.backend = backend_choice::epoll};
    const auto loop = new_event_loop(options);
    EXPECT_FALSE(loop->is_running());
    EXPECT_FALSE(loop->is_closed());
    EXPECT_NE(loop->backend().find("epoll"), std::string::npos);
    EXPECT_GE(loop->fileno(), 0);
    EXPECT_EQ(new_event_loop({.backend = backend_choice::automatic})->is_closed(), false);
    static_assert(backend_choice::io_uring != backend_choice::epoll);
}

TEST(event_loop, its_clock_is_monotonic) {
    const auto loop = new_event_loop();
    const time_point before = loop->time();
    EXPECT_LE(before, loop->time());
    EXPECT_LE(time_point(clock::now()) - loop->time(), 1s);
}

TEST(get_running_loop, is_the_one_that_runs) {
    manual_loop loop;
    bool same = false;
    loop->call_soon([&] {
        same =
            &get_running_loop() == loop.loop.get() && loop->is_running() && loop->on_loop_thread();
    });
    loop->run_ready();
    EXPECT_TRUE(same);
    EXPECT_EQ(message_of<std::runtime_error>([] { (void)get_running_loop(); }),
              "asyncio: no event loop runs in this thread; start one with asyncio::run(main())");
}

// S11: stop() finishes the round; before run_forever() it allows one round that does not wait.
TEST(run_forever, ends_after_the_round_of_the_stop) {
    manual_loop loop;
    std::string log;
    loop->call_soon([&] {
        loop->stop();
        loop->call_soon([&] { log += "next round"; });
        log += "a";
    });
    loop->call_soon([&] { log += "b"; });
    loop->run_forever();
    EXPECT_EQ(log, "ab");
}

TEST(run_forever, stopped_before_it_starts) {
    manual_loop loop;
    loop->call_later(1h, [] {});
    loop->stop();
    loop->run_forever();
    ASSERT_EQ(loop.outside->polls.size(), 1u);
    EXPECT_EQ(loop.outside->polls[0].nanoseconds(), 0ns);
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();  // no stale stop
}

TEST(run_until_complete, gives_the_result) {
    const auto loop = new_event_loop();
    EXPECT_EQ(loop->run_until_complete(value(3)), 3);
    const auto t = loop->create_task(value(4));
    EXPECT_EQ(loop->run_until_complete(t), 4);
    EXPECT_EQ(loop->run_until_complete(t), 4);
    const auto f = loop->create_future<std::string>();
    loop->call_soon([f] { f.set_result("done"); });
    EXPECT_EQ(loop->run_until_complete(f), "done");
    loop->run_until_complete(sleep(0s));
    EXPECT_EQ(loop->run_until_complete([](int n) { return value(n); }(7)), 7);
}

TEST(run_until_complete, moves_a_result_that_cannot_be_copied) {
    const auto loop = new_event_loop();
    auto f = loop->create_future<std::unique_ptr<int>>();
    f.set_result(std::make_unique<int>(3));
    EXPECT_EQ(*loop->run_until_complete(std::move(f)), 3);
    const auto make = []() -> coroutine<std::unique_ptr<int>> {
        co_return std::make_unique<int>(4);
    };
    EXPECT_EQ(*loop->run_until_complete(make()), 4);
}

TEST(run_until_complete, throws_what_the_coroutine_throws) {
    const auto loop = new_event_loop();
    const auto fails = []() -> coroutine<> {
        co_await sleep(0s);
        throw std::logic_error("no");
    };
    EXPECT_EQ(message_of<std::logic_error>([&] { loop->run_until_complete(fails()); }), "no");
    const auto cancelled = []() -> coroutine<> {
        current_task().cancel("enough");
        co_await sleep(0s);
    };
    EXPECT_THROW(loop->run_until_complete(cancelled()), cancelled_error);
}

// S13: on a loop that is stopped early it raises, and the task can be resumed.
TEST(run_until_complete, stopped_early) {
    const auto loop = new_event_loop();
    const auto f = loop->create_future<int>();
    const auto t = loop->create_task(wait_for_it(f));
    loop->call_soon([&] { loop->stop(); });
    EXPECT_EQ(message_of<std::runtime_error>([&] { loop->run_until_complete(t); }),
              "asyncio: the event loop was stopped before the future was done; run it again to go "
              "on");
    EXPECT_FALSE(t.done());
    f.set_result(5);
    EXPECT_EQ(loop->run_until_complete(t), 5);
}

// S14: nested runs are errors, and start nothing.
TEST(run_until_complete, nested_runs_are_refused) {
    const auto loop = new_event_loop();
    const auto other = new_event_loop();
    bool ran = false;
    int refused = 0;
    reports told(*loop);
    loop->call_soon([&] {
        const auto expect_refusal = [&](auto&& call) {
            try {
                call();
            } catch (const std::runtime_error&) {
                ++refused;
            }
        };
        expect_refusal([&] { loop->run_until_complete(set(ran)); });
        expect_refusal([&] { other->run_until_complete(set(ran)); });
        expect_refusal([&] { loop->run_forever(); });
        expect_refusal([&] { other->run_forever(); });
        const auto done = loop->create_future();
        done.set_result();
        expect_refusal([&] { loop->run_until_complete(done); });
    });
    const auto last = []() -> coroutine<int> {
        for (int i = 0; i < 5; ++i) co_await sleep(0s);
        co_return 7;
    };
    EXPECT_EQ(loop->run_until_complete(last()), 7);  // the refused ones did not stop it
    EXPECT_EQ(refused, 5);
    EXPECT_FALSE(ran);
    EXPECT_TRUE(told.contains("was never awaited"));  // S64
}

TEST(run_forever, says_why_it_refuses) {
    const auto loop = new_event_loop();
    const auto other = new_event_loop();
    std::string same;
    std::string another;
    loop->call_soon([&] {
        same = message_of<std::runtime_error>([&] { loop->run_forever(); });
        another = message_of<std::runtime_error>([&] { other->run_forever(); });
    });
    loop->run_ready();
    EXPECT_EQ(same,
              "asyncio: this event loop is already running; inside a coroutine write co_await");
    EXPECT_EQ(another,
              "asyncio: another event loop already runs in this thread; inside a coroutine write "
              "co_await instead of run(...)");
    loop->close();
    EXPECT_EQ(message_of<std::runtime_error>([&] { loop->run_forever(); }),
              "asyncio: the event loop is closed; make a new one");
}

// S15: a future of another loop.
TEST(run_until_complete, refuses_the_future_of_another_loop) {
    const auto loop = new_event_loop();
    const auto other = new_event_loop();
    const auto f = other->create_future<int>();
    EXPECT_EQ(message_of<std::invalid_argument>([&] { loop->run_until_complete(f); }),
              "asyncio: run_until_complete: the future belongs to another event loop");
    EXPECT_THROW(loop->run_until_complete(future<int>()), invalid_state_error);
}

// S16: a fatal exception leaves the loop, which is reusable, without a stale stop.
TEST(run_until_complete, a_fatal_exception_leaves_a_usable_loop) {
    const auto loop = new_event_loop();
    const auto f = loop->create_future<int>();
    const auto t = loop->create_task(wait_for_it(f));
    loop->call_soon([] { throw system_exit(3); });
    EXPECT_THROW(loop->run_until_complete(t), system_exit);
    EXPECT_FALSE(loop->is_running());
    loop->call_soon([&] { loop->call_soon([&] { f.set_result(1); }); });
    EXPECT_EQ(loop->run_until_complete(t), 1);

    const auto exits = []() -> coroutine<> {
        co_await sleep(0s);
        throw keyboard_interrupt();
    };
    EXPECT_THROW(loop->run_until_complete(exits()), keyboard_interrupt);
    EXPECT_EQ(loop->run_until_complete(value(2)), 2);
}

// S17: close() of a running loop raises; a second close is nothing; then everything is refused.
TEST(close, of_a_running_loop_is_refused) {
    const auto loop = new_event_loop();
    std::string message;
    loop->call_soon([&] { message = message_of<std::runtime_error>([&] { loop->close(); }); });
    loop->run_ready();
    EXPECT_EQ(message, "asyncio: cannot close a running event loop; stop() it first");
    EXPECT_FALSE(loop->is_closed());
    loop->close();
    loop->close();
    EXPECT_TRUE(loop->is_closed());
}

TEST(close, refuses_everything_after_it) {
    const auto loop = new_event_loop();
    loop->close();
    const auto refuses = [](const char* api, auto&& call) {
        EXPECT_EQ(message_of<std::runtime_error>(call),
                  std::string("asyncio: ") + api + ": the event loop is closed");
    };
    refuses("call_soon", [&] { loop->call_soon([] {}); });
    refuses("call_soon_threadsafe", [&] { loop->call_soon_threadsafe([] {}); });
    refuses("call_at", [&] { loop->call_later(1s, [] {}); });
    refuses("call_at", [&] { loop->call_at(loop->time(), [] {}); });
    refuses("create_task", [&] { (void)loop->create_task(value(1)); });
    refuses("add_reader", [&] { loop->add_reader(0, [] {}); });
    refuses("add_writer", [&] { loop->add_writer(1, [] {}); });
    refuses("add_signal_handler", [&] { loop->add_signal_handler(10, [] {}); });
    EXPECT_THROW(loop->run_until_complete(value(1)), std::runtime_error);
    EXPECT_FALSE(loop->remove_reader(0));  // S18
    EXPECT_FALSE(loop->remove_writer(1));
    EXPECT_FALSE(loop->remove_signal_handler(10));
    EXPECT_GT(loop->time(), time_point());
}

// S61: a pending task is reported and destroyed.
TEST(close, destroys_pending_tasks) {
    auto owned = std::make_shared<int>(1);
    const auto loop = new_event_loop();
    reports told(*loop);
    const auto waits = [](std::shared_ptr<int> held, future<int> f) -> coroutine<> {
        const std::shared_ptr<int> local = held;
        co_await f;
    };
    const auto f = loop->create_future<int>();
    const auto t = loop->create_task(waits, owned, f);
    const auto never_started = loop->create_task(waits, owned, f);
    (void)loop->run_ready();
    const auto late = loop->create_task(waits, owned, f);
    loop->close();
    EXPECT_EQ(owned.use_count(), 1);
    EXPECT_TRUE(t.cancelled() && never_started.cancelled() && late.cancelled());
    EXPECT_TRUE(told.contains("Task was destroyed but it is pending!|Task-1|"));
    EXPECT_TRUE(told.contains("Task was destroyed but it is pending!|Task-3|"));
    EXPECT_EQ(told.all.size(), 3u);
}

struct starts_another {
    explicit starts_another(event_loop& l) : loop(&l) {}
    starts_another(starts_another&& o) noexcept : loop(std::exchange(o.loop, nullptr)) {}
    ~starts_another() {
        if (loop != nullptr) (void)loop->create_task(value(1));
    }
    event_loop* loop;
};

TEST(close, also_destroys_tasks_that_are_made_meanwhile) {
    const auto loop = new_event_loop();
    reports told(*loop);
    const auto waits = [](starts_another s) -> coroutine<> {
        (void)s;
        co_await sleep(1h);
    };
    (void)loop->create_task(waits, starts_another(*loop));
    (void)loop->run_ready();
    loop->close();
    EXPECT_TRUE(all_tasks(loop.get()).empty());
    EXPECT_EQ(told.all.size(), 2u);
}

TEST(close, cannot_be_re_entered) {
    const auto loop = new_event_loop();
    int calls = 0;
    (void)loop->create_task(sleep(1h));
    (void)loop->run_ready();
    loop->set_exception_handler([&](event_loop& l, const exception_context&) {
        ++calls;
        l.close();
        EXPECT_THROW(l.run_forever(), std::runtime_error);
    });
    loop->close();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(loop->is_closed());
}

TEST(close, tasks_that_wait_for_each_other_die_together) {
    const auto loop = new_event_loop();
    reports told(*loop);
    const auto waits = [](task<>& other) -> coroutine<> { co_await other; };
    task<> a;
    task<> b;
    a = loop->create_task(waits, std::ref(b));
    b = loop->create_task(waits, std::ref(a));
    (void)loop->run_ready();
    loop->close();
    EXPECT_TRUE(a.cancelled());
    EXPECT_TRUE(b.cancelled());
}

// S30: a forked child does not inherit the running loop.
TEST(fork, a_child_has_no_running_loop) {
    const auto loop = new_event_loop();
    int status = -1;
    loop->call_soon([&] {
        const pid_t child = ::fork();
        if (child == 0) {
            bool none = false;
            try {
                (void)get_running_loop();
            } catch (const std::runtime_error&) {
                none = true;
            }
            const auto own = new_event_loop();
            ::_exit(none && own->run_until_complete(value(3)) == 3 ? 7 : 1);
        }
        ::waitpid(child, &status, 0);
    });
    loop->run_ready();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

coroutine<int> use_everything_that_runs_in_a_step() {
    lock l;
    barrier together(1);
    int steps = 0;
    for (int i = 0; i < 3; ++i) {
        co_await sleep(0s);
        co_await l.acquire();
        l.release();
        co_await together.wait();
        ++steps;
    }
    const auto counts = [](int n) -> async_generator<int> {
        for (int i = 0; i < n; ++i) {
            co_await sleep(0s);
            co_yield i;
        }
    };
    auto g = counts(3);
    while (true) {
        const auto item = co_await g.next();
        if (!item) break;
        ++steps;
    }
    co_return steps;
}

// What was being run when it forked goes on in the child, as in CPython.
TEST(fork, a_step_goes_on_in_the_child) {
    const auto loop = new_event_loop();
    pid_t child = -1;
    const auto forks = [&]() -> coroutine<int> {
        co_await sleep(0s);
        child = ::fork();
        const int steps = co_await use_everything_that_runs_in_a_step();
        co_return steps;
    };
    auto forking = loop->create_task(forks);
    auto other = loop->create_task(use_everything_that_runs_in_a_step());
    const int steps =
        loop->run_until_complete(forking) + loop->run_until_complete(std::move(other));
    if (child == 0) ::_exit(steps == 12 ? 7 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EQ(steps, 12);
}

TEST(fork, the_child_may_throw_the_loop_away) {
    auto loop = new_event_loop();
    int status = -1;
    bool ran = false;
    loop->call_later(1ms, [&] {
        ran = true;
        loop->stop();
    });
    const pid_t child = ::fork();
    if (child == 0) {
        loop.reset();
        ::_exit(0);
    }
    ::waitpid(child, &status, 0);
    loop->run_forever();
    EXPECT_TRUE(ran);
    EXPECT_EQ(status, 0);
}

TEST(event_loop_death, destroying_a_running_loop_is_refused) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto loop = new_event_loop();
            loop->call_soon([&] { loop.reset(); });
            loop->run_forever();
        },
        "asyncio: a running event loop was destroyed; let run_forever\\(\\) return first");
}

}  // namespace event_loop_test
