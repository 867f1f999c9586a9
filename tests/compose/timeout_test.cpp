#include "asyncio/compose/timeout.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/with.hpp"
#include "compose/situations.hpp"

namespace timeout_test {

using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::future;
using asyncio::run;
using asyncio::sleep;
using asyncio::task_group;
using asyncio::timeout;
using asyncio::timeout_at;
using asyncio::with;
using namespace situations;

using names = std::vector<std::string>;

/// A block that waits for ever.
coroutine<> waits(timeout&) { co_await sleep(1h); }

TEST(timeout, ends_a_block_whose_time_is_up) {
    const auto main = []() -> coroutine<> {
        timeout limit(1ms);
        const std::string how = co_await ending(with(limit, waits));
        EXPECT_EQ(how, timed_out);
        EXPECT_TRUE(limit.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        co_await sleep(0s);
    };
    run(main);
}

TEST(timeout, lets_a_block_that_ends_in_time_give_its_value) {
    const auto main = []() -> coroutine<> {
        timeout limit(1h);
        const auto body = [](timeout& t) -> coroutine<int> {
            EXPECT_FALSE(t.expired());
            EXPECT_TRUE(t.when().has_value());
            co_await sleep(0s);
            co_return 42;
        };
        const int value = co_await with(limit, body);
        EXPECT_EQ(value, 42);
        EXPECT_FALSE(limit.expired());
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        const int temporary = co_await with(timeout(1h), body);
        EXPECT_EQ(temporary, 42);
        const int absolute =
            co_await with(timeout_at(asyncio::get_running_loop().time() + 1h), body);
        EXPECT_EQ(absolute, 42);
    };
    run(main);
}

TEST(timeout, without_a_limit_never_expires) {
    const auto main = []() -> coroutine<> {
        const auto body = [](timeout& t) -> coroutine<> {
            EXPECT_EQ(t.when(), std::nullopt);
            EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
            co_await sleep(0s);
        };
        co_await with(timeout(std::nullopt), body);
        co_await with(timeout_at(std::nullopt), body);
    };
    run(main);
}

// S101
TEST(timeout, nested_with_one_deadline_lets_the_outermost_throw) {
    const auto main = []() -> coroutine<> {
        const asyncio::time_point when = asyncio::get_running_loop().time() + 1ms;
        timeout outer = timeout_at(when);
        timeout inner = timeout_at(when);
        std::string inside;
        const auto body = [&](timeout&) -> coroutine<> {
            std::exception_ptr error;
            try {
                co_await with(inner, waits);
            } catch (...) {
                error = std::current_exception();
            }
            inside = asyncio::detail::as_cancelled(error) != nullptr ? "cancelled" : "other";
            std::rethrow_exception(error);
        };
        const std::string how = co_await ending(with(outer, body));
        EXPECT_EQ(how, timed_out);
        EXPECT_EQ(inside, "cancelled");
        EXPECT_TRUE(inner.expired());
        EXPECT_TRUE(outer.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S101, S109
TEST(timeout, nested_with_two_deadlines_throws_where_the_time_was_up) {
    const auto main = []() -> coroutine<> {
        timeout outer(std::nullopt);
        std::string first, second;
        const auto body = [&](timeout& t) -> coroutine<> {
            first = co_await ending(with(timeout(1ms), waits));
            t.reschedule(asyncio::get_running_loop().time() + 1ms);
            block_for(2ms);
            co_await sleep(0s);
            co_await sleep(1h);
        };
        second = co_await ending(with(outer, body));
        EXPECT_EQ(first, timed_out);
        EXPECT_EQ(second, timed_out);
        timeout late(1h);
        const auto short_outer = [&](timeout&) -> coroutine<> { co_await with(late, waits); };
        const std::string third = co_await ending(with(timeout(1ms), short_outer));
        EXPECT_EQ(third, timed_out);
        EXPECT_FALSE(late.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
    };
    run(main);
}

// S102
TEST(timeout, leaves_a_cancel_from_outside_what_it_is) {
    const auto main = []() -> coroutine<> {
        timeout limit(1h);
        const auto t = create_task([&]() -> coroutine<> { co_await with(limit, waits); });
        co_await rounds(2);
        t.cancel("outside");
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled: outside");
        EXPECT_FALSE(limit.expired());
        EXPECT_EQ(t.cancelling(), 1u);
    };
    run(main);
}

// S102: both in one round, in either order, at a future and at a timer.
TEST(timeout, does_not_swallow_a_cancel_that_comes_in_the_round_of_the_deadline) {
    const auto main = []() -> coroutine<> {
        for (const int order : {0, 1, 2, 3}) {
            timeout limit(1ms);
            const future<int> f = new_future();
            const auto body = [&](timeout&) -> coroutine<> {
                if (order % 2 == 0) co_await f;
                co_await sleep(1h);
            };
            const auto t = create_task([&]() -> coroutine<> { co_await with(limit, body); });
            if (order < 2)
                asyncio::get_running_loop().call_later(1ms, [t] { t.cancel("outside"); });
            if (order >= 2) {
                co_await sleep(0s);
                asyncio::get_running_loop().call_later(1ms, [t] { t.cancel("outside"); });
            }
            const std::string how = co_await ending(t);
            EXPECT_EQ(how, "cancelled: outside") << order;
            EXPECT_TRUE(limit.expired());
            EXPECT_EQ(t.cancelling(), 1u);
            EXPECT_TRUE(t.cancelled());
        }
    };
    on_virtual_time(main);
}

// S103
TEST(timeout, works_in_the_clean_up_of_a_cancelled_task) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto t = create_task([&]() -> coroutine<> {
            std::exception_ptr cancel;
            try {
                co_await sleep(1h);
            } catch (const asyncio::cancelled_error&) {
                cancel = std::current_exception();
            }
            log.push_back(co_await ending(with(timeout(1ms), waits)));
            log.push_back(std::to_string(current_task().cancelling()));
            log.push_back(co_await ending(sleep(0s)));
            std::rethrow_exception(cancel);
        });
        co_await rounds(2);
        t.cancel("outside");
        log.push_back(co_await ending(t));
        EXPECT_EQ(log, (names{timed_out, "1", "done", "cancelled: outside"}));
    };
    run(main);
}

TEST(timeout, does_not_swallow_a_cancel_that_was_pending_when_it_began) {
    const auto main = []() -> coroutine<> {
        for (const auto delay : {0ms, 1ms}) {
            current_task().cancel("pending");
            const auto body = [](timeout&) -> coroutine<> { co_await sleep(0s); };
            const std::string how = co_await ending(with(timeout(delay), body));
            EXPECT_EQ(how, "cancelled: pending");
            const std::string next = co_await ending(sleep(0s));
            EXPECT_EQ(next, "done");
        }
    };
    run(main);
}

// The body has swallowed the cancel from outside; the deadline's own one must not outlive it.
TEST(timeout, takes_its_undelivered_cancel_back_although_the_body_was_cancelled_before) {
    const auto main = []() -> coroutine<> {
        manual_foreign foreign;
        const auto body = [&](timeout&) -> coroutine<int> {
            try {
                co_await sleep(1h);
            } catch (const asyncio::cancelled_error&) {
            }
            asyncio::get_running_loop().call_later(4ms, [&] { foreign.waiting.resume(); });
            co_return co_await foreign;
        };
        const auto t = create_task([&]() -> coroutine<std::string> {
            const int value = co_await with(timeout(2ms), body);
            const std::string next = co_await ending(sleep(0s));
            co_return std::to_string(value) + " " + next;
        });
        co_await rounds(2);
        t.cancel("swallowed");
        const std::string how = co_await t;
        EXPECT_EQ(how, "7 done");
        EXPECT_EQ(t.cancelling(), 1u);
    };
    run(main);
}

// S104
TEST(timeout, lets_other_exceptions_pass) {
    const auto main = []() -> coroutine<> {
        timeout early(1h);
        const auto fails = [](timeout&) -> coroutine<> { co_await fail("in time", 1); };
        const std::string in_time = co_await ending(with(early, fails));
        EXPECT_EQ(in_time, "std::runtime_error: in time");
        EXPECT_FALSE(early.expired());
        timeout late(1ms);
        const auto cleanup = [](timeout&) -> coroutine<> { co_await fails_in_cleanup("late"); };
        const std::string on_timeout = co_await ending(with(late, cleanup));
        EXPECT_EQ(on_timeout, "std::runtime_error: late");
        EXPECT_TRUE(late.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S105
TEST(timeout, does_not_end_a_block_that_does_not_wait_any_more) {
    const auto main = []() -> coroutine<> {
        const auto busy = [](timeout&) -> coroutine<> {
            block_for(3ms);
            co_return;
        };
        const std::string no_await = co_await ending(with(timeout(1ms), busy));
        EXPECT_EQ(no_await, "done");
        const auto one_round = [](timeout&) -> coroutine<> {
            block_for(3ms);
            co_await sleep(0s);
        };
        const std::string one = co_await ending(with(timeout(1ms), one_round));
        EXPECT_EQ(one, "done");
    };
    run(main);
}

// S105
TEST(timeout, of_no_time_at_all_ends_the_first_wait) {
    const auto main = []() -> coroutine<> {
        const auto yields = [](timeout&) -> coroutine<> { co_await sleep(0s); };
        const auto nothing = [](timeout&) -> coroutine<> { co_return; };
        const asyncio::time_point past = asyncio::get_running_loop().time() - 1s;
        names results;
        results.push_back(co_await ending(with(timeout(0s), yields)));
        results.push_back(co_await ending(with(timeout(-1s), yields)));
        results.push_back(co_await ending(with(timeout_at(past), yields)));
        results.push_back(co_await ending(with(timeout(0s), waits)));
        results.push_back(co_await ending(with(timeout(0s), nothing)));
        EXPECT_EQ(results, (names{timed_out, timed_out, timed_out, timed_out, "done"}));
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S106
TEST(timeout, does_not_throw_if_the_body_swallows_the_cancel) {
    const auto main = []() -> coroutine<> {
        timeout limit(1ms);
        const auto body = [](timeout& t) -> coroutine<int> {
            const int value = co_await stubborn(3);
            EXPECT_TRUE(t.expired());
            co_return value;
        };
        const int value = co_await with(limit, body);
        EXPECT_EQ(value, 3);
        EXPECT_TRUE(limit.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S107
TEST(timeout, handled_leaves_the_task_uncancelled) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task([]() -> coroutine<int> {
            const std::string how = co_await ending(with(timeout(1ms), waits));
            co_return how == timed_out ? 1 : 0;
        });
        const int value = co_await t;
        EXPECT_EQ(value, 1);
        EXPECT_FALSE(t.cancelled());
        EXPECT_EQ(t.cancelling(), 0u);
    };
    run(main);
}

// S108
TEST(timeout, moves_its_deadline) {
    const auto main = []() -> coroutine<> {
        asyncio::event_loop& loop = asyncio::get_running_loop();
        const auto never = [&](timeout& t) -> coroutine<> {
            t.reschedule(std::nullopt);
            EXPECT_EQ(t.when(), std::nullopt);
            EXPECT_TRUE(loop.timers.empty());
            co_await sleep(2ms);
        };
        const auto later = [&](timeout& t) -> coroutine<> {
            t.reschedule(loop.time() + 1h);
            EXPECT_GT(*t.when(), loop.time());
            co_await sleep(2ms);
        };
        const auto sooner = [&](timeout& t) -> coroutine<> {
            t.reschedule(loop.time() + 1ms);
            co_await sleep(1h);
        };
        const auto past = [&](timeout& t) -> coroutine<> {
            t.reschedule(loop.time() - 1s);
            co_await sleep(0s);
        };
        names results;
        results.push_back(co_await ending(with(timeout(1ms), never)));
        results.push_back(co_await ending(with(timeout(1ms), later)));
        results.push_back(co_await ending(with(timeout(1h), sooner)));
        results.push_back(co_await ending(with(timeout(std::nullopt), sooner)));
        results.push_back(co_await ending(with(timeout(1h), past)));
        EXPECT_EQ(results, (names{"done", "done", timed_out, timed_out, timed_out}));
    };
    run(main);
}

// S108
TEST(timeout, refuses_to_move_its_deadline_when_it_is_too_late) {
    const auto main = []() -> coroutine<> {
        timeout limit(1ms);
        EXPECT_EQ(error_of([&] { limit.reschedule(std::nullopt); }),
                  "std::runtime_error: asyncio: timeout: reschedule() works inside the block only; "
                  "it was not entered yet");
        const auto body = [](timeout& t) -> coroutine<> {
            try {
                co_await sleep(1h);
            } catch (const asyncio::cancelled_error&) {
                EXPECT_EQ(error_of([&] { t.reschedule(std::nullopt); }),
                          "std::runtime_error: asyncio: timeout: too late to reschedule, it is "
                          "expiring");
                throw;
            }
        };
        const std::string how = co_await ending(with(limit, body));
        EXPECT_EQ(how, timed_out);
        EXPECT_EQ(error_of([&] { limit.reschedule(std::nullopt); }),
                  "std::runtime_error: asyncio: timeout: reschedule() works inside the block only; "
                  "it is over");
    };
    run(main);
}

// S110
TEST(timeout, is_used_once_and_in_a_task) {
    const auto main = []() -> coroutine<> {
        timeout limit(1h);
        const auto body = [](timeout&) -> coroutine<> { co_return; };
        co_await with(limit, body);
        const std::string again = co_await ending(with(limit, body));
        EXPECT_EQ(again,
                  "std::runtime_error: asyncio: a timeout is used once; make a new one for each "
                  "block");
        std::string in_callback;
        asyncio::get_running_loop().call_soon(
            [&] { in_callback = error_of([] { timeout(1h).enter(); }); });
        co_await sleep(0s);
        EXPECT_EQ(in_callback,
                  "std::runtime_error: asyncio: timeout must be used inside a task, not in a plain "
                  "callback");
    };
    run(main);
    EXPECT_EQ(error_of([] { timeout(1h).enter(); }),
              "std::runtime_error: asyncio: timeout: no event loop runs in this thread; call it "
              "inside a coroutine that was started with asyncio::run(...)");
    EXPECT_EQ(error_of([] { timeout(1h).exit(nullptr); }),
              "std::runtime_error: asyncio: timeout: exit() without enter(); use asyncio::with");
}

TEST(timeout, stays_where_it_is_once_it_was_entered) {
    const auto main = []() -> coroutine<> {
        timeout first(1h);
        timeout limit = std::move(first);
        limit.enter();
        EXPECT_EQ(error_of([&] { const timeout elsewhere = std::move(limit); }),
                  "std::runtime_error: asyncio: a timeout cannot be moved once its block was "
                  "entered; keep it where it is");
        limit.exit(nullptr);
        co_return;
    };
    run(main);
}

TEST(timeout, tells_the_cancelled_why_and_where) {
    const auto main = []() -> coroutine<> {
        asyncio::cancel_reason why;
        const auto body = [&](timeout&) -> coroutine<> {
            try {
                co_await sleep(1h);
            } catch (const asyncio::cancelled_error& e) {
                why = e.reason();
                throw;
            }
        };
        const auto line = std::source_location::current().line() + 1;
        timeout limit(1ms);
        const std::string how = co_await ending(with(limit, body));
        EXPECT_EQ(how, timed_out);
        EXPECT_EQ(why.kind, asyncio::cancel_kind::deadline);
        EXPECT_EQ(why.where.line(), line);
    };
    run(main);
}

// S124
TEST(timeout, around_a_group_whose_child_fails_in_its_clean_up_gives_the_group) {
    const auto main = []() -> coroutine<> {
        const auto failing = [](task_group& g) -> coroutine<> {
            g.create_task(fails_in_cleanup("cleanup"));
            co_await sleep(1h);
        };
        const auto block = [&](timeout&) -> coroutine<> { co_await with(task_group(), failing); };
        const std::string how = co_await ending(with(timeout(1ms), block));
        EXPECT_EQ(how,
                  "asyncio::exception_group: unhandled errors in a task_group (1 sub-exception)\n"
                  "  - std::runtime_error: cleanup");
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
        const auto clean = [](task_group& g) -> coroutine<> {
            g.create_task(forever());
            co_await sleep(1h);
        };
        const auto clean_block = [&](timeout&) -> coroutine<> {
            co_await with(task_group(), clean);
        };
        const std::string in_time = co_await ending(with(timeout(1ms), clean_block));
        EXPECT_EQ(in_time, timed_out);
        EXPECT_EQ(current_task().cancelling(), 0u);
    };
    run(main);
}

TEST(timeout, leaves_no_timer_when_its_loop_is_closed) {
    timeout limit(1h);
    close_in_the_middle([&]() -> coroutine<> { co_await with(limit, waits); });
    EXPECT_FALSE(limit.expired());
    close_in_the_middle([]() -> coroutine<> { co_await with(timeout(1h), waits); });
}

TEST(timeout, around_one_that_expired_just_before_is_the_one_that_throws) {
    const auto main = []() -> coroutine<> {
        timeout outer(1h);
        timeout inner(1h);
        const auto yields = [&](timeout&) -> coroutine<> {
            inner.reschedule(asyncio::get_running_loop().time());
            outer.reschedule(asyncio::get_running_loop().time());
            co_await rounds(3);
        };
        const auto body = [&](timeout&) -> coroutine<> { co_await with(inner, yields); };
        const std::string how = co_await ending(with(outer, body));
        EXPECT_EQ(how, timed_out);
        EXPECT_TRUE(inner.expired() && outer.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
    };
    run(main);
}

TEST(timeout, keeps_a_cancel_that_came_before_it_and_was_not_delivered) {
    const auto main = []() -> coroutine<> {
        (void)current_task().cancel("early");
        timeout limit(0s);
        const auto yields = [](timeout&) -> coroutine<> { co_await rounds(2); };
        const std::string how = co_await ending(with(limit, yields));
        EXPECT_EQ(how, "cancelled: early");
        EXPECT_EQ(current_task().cancelling(), 1u);
        (void)current_task().uncancel();
    };
    run(main);
}

}  // namespace timeout_test
