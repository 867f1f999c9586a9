#include "asyncio/compose/wait_for.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/sync/event.hpp"
#include "compose/situations.hpp"

namespace wait_for_test {

using asyncio::cancelled_error;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::future;
using asyncio::gather;
using asyncio::run;
using asyncio::shield;
using asyncio::sleep;
using asyncio::task;
using asyncio::timeout_error;
using asyncio::wait_for;
using namespace situations;

using names = std::vector<std::string>;

// S91
TEST(wait_for, a_done_future_gives_its_result_with_no_time_left) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        f.set_result(42);
        for (const auto limit : {0s, -1s}) {
            const int value = co_await wait_for(f, limit);
            EXPECT_EQ(value, 42);
        }
        const future<int> failed = new_future();
        failed.set_exception(std::runtime_error("x"));
        const std::string how = co_await ending(wait_for(failed, 0s));
        EXPECT_EQ(how, "std::runtime_error: x");
    };
    run(main);
}

TEST(wait_for, tells_what_took_too_long_and_where_the_limit_is) {
    const auto main = []() -> coroutine<> {
        const auto text = [](const asyncio::outcome<>& how) {
            return asyncio::detail::describe(how.exception());
        };
        const auto limited = [](const char* what, int line) {
            std::string expected = timed_out;
            expected.append(": ").append(what).append(", limited at " __FILE__ ":");
            return expected.append(std::to_string(line));
        };
        const auto wait = [](asyncio::event& e) -> coroutine<> { co_await e.wait(); };
        asyncio::event never("never");
        auto direct = co_await asyncio::as_outcome(wait_for(wait(never), 1s));
        EXPECT_EQ(text(direct), limited("event 'never'", __LINE__ - 1));
        const auto inner = create_task(wait(never));
        const auto outer = create_task([](asyncio::task<> t) -> coroutine<> { co_await t; }(inner));
        direct = co_await asyncio::as_outcome(wait_for(outer, 1s));
        EXPECT_EQ(text(direct), limited("event 'never'", __LINE__ - 1))
            << "through the tasks that are awaited";
        direct = co_await asyncio::as_outcome(wait_for(wait(never), 0s));
        EXPECT_EQ(text(direct), limited("no time to begin", __LINE__ - 1));
        const auto block = [&]() -> coroutine<> {
            const auto body = [&]() -> coroutine<> { co_await never.wait(); };
            co_await asyncio::with(asyncio::timeout(1s), body);
        };
        const int limit = __LINE__ - 2;
        direct = co_await asyncio::as_outcome(block());
        EXPECT_EQ(text(direct), limited("event 'never'", limit));
    };
    on_virtual_time(main);
}

TEST(wait_for, tells_whom_a_future_was_waiting_for) {
    const auto main = []() -> coroutine<> {
        const auto late = [](auto aw) -> coroutine<std::string> {
            const auto how = co_await asyncio::as_outcome(wait_for(std::move(aw), 1s));
            std::string text = asyncio::detail::describe(how.exception());
            text.erase(0, timed_out.size() + 2);
            co_return text.substr(0, text.find(", limited at "));
        };
        const auto pending = [](const char* name) {
            return create_task(forever(), {.name = name});
        };
        const auto slow = pending("slow");
        std::string text = co_await late(asyncio::get_running_loop().create_future());
        EXPECT_EQ(text, "a future made at " __FILE__ ":" + std::to_string(__LINE__ - 1));
        text = co_await late(shield(slow));
        EXPECT_EQ(text, "shield() of task 'slow'");
        text = co_await late(shield(shield(slow)));
        EXPECT_TRUE(text.starts_with("shield() of a future made at " __FILE__ ":")) << text;
        text = co_await late(gather(give(1, 0), pending("two")));
        EXPECT_EQ(text, "gather() of 2, of which 1 is not done: task 'two'");
        text = co_await late(gather(give(1, 0), pending("two"), pending("three")));
        EXPECT_EQ(text, "gather() of 3, of which 2 are not done, the first: task 'two'");
        text = co_await late(gather(gather(pending("in"), give(1, 0)), give(1, 0)));
        EXPECT_EQ(text, "gather() of 2, of which 1 is not done: a future");
        slow.cancel();
    };
    on_virtual_time(main);
}

// S91
TEST(wait_for, anything_else_does_not_start_with_no_time_left) {
    const auto main = []() -> coroutine<> {
        const reports heard(asyncio::get_running_loop());
        bool ran = false;
        const auto body = [&]() -> coroutine<> {
            ran = true;
            co_return;
        };
        for (const auto limit : {0s, -1s}) {
            const std::string how = co_await ending(wait_for(body(), limit));
            EXPECT_EQ(how, timed_out);
        }
        EXPECT_FALSE(ran);
        manual_foreign foreign;
        const std::string not_started = co_await ending(wait_for(std::move(foreign), 0s));
        EXPECT_EQ(not_started, timed_out);
        const std::string no_sleep = co_await ending(wait_for(sleep(0s), 0s));
        EXPECT_EQ(no_sleep, timed_out);
        EXPECT_EQ(heard.all, names{}) << "no report of a coroutine that was never awaited";
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

TEST(wait_for, with_no_time_left_lets_the_others_run_and_takes_a_cancel) {
    const auto main = []() -> coroutine<> {
        bool others_ran = false;
        asyncio::get_running_loop().call_soon([&] { others_ran = true; });
        const std::string how = co_await ending(wait_for(give(1), 0s));
        EXPECT_EQ(how, timed_out);
        EXPECT_TRUE(others_ran);
        const auto t = create_task([]() -> coroutine<> { co_await wait_for(give(1), 0s); });
        co_await sleep(0s);
        t.cancel("first");
        const std::string cancelled = co_await ending(t);
        EXPECT_EQ(cancelled, "cancelled: first");
    };
    run(main);
}

// S91
TEST(wait_for, gives_what_comes_in_time) {
    const auto main = []() -> coroutine<> {
        const int in_time = co_await wait_for(give(42, 2), 1h);
        EXPECT_EQ(in_time, 42);
        const int no_limit = co_await wait_for(give(43, 2), std::nullopt);
        EXPECT_EQ(no_limit, 43);
        const std::string how = co_await ending(wait_for(fail("x", 2), 1h));
        EXPECT_EQ(how, "std::runtime_error: x");
        co_await wait_for(rounds(2), 1h);
        const std::string text = co_await wait_for(sleep(0s, std::string("slept")), 1h);
        EXPECT_EQ(text, "slept");
        const auto [a, b] = co_await wait_for(asyncio::gather(give(1), give(2, 1)), 1h);
        EXPECT_EQ(a + b, 3);
        const int inline_result = co_await wait_for(inline_foreign(4), 1h);
        EXPECT_EQ(inline_result, 4);
        const int threaded_result = co_await wait_for(threaded_foreign(5), 1h);
        EXPECT_EQ(threaded_result, 5);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
    EXPECT_EQ(run(wait_for(give(6), 1h)), 6);
    EXPECT_EQ(run([]() -> coroutine<int> {
                  const auto t = create_task(wait_for(give(7), 1h));
                  co_return co_await asyncio::shield(wait_for(wait_for(std::move(t), 1h), 1h));
              }),
              7);
}

TEST(wait_for, a_named_future_gives_a_reference_to_its_result) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(give(std::make_unique<int>(3), 2));
        std::unique_ptr<int>& pending = co_await wait_for(t, 1h);
        EXPECT_EQ(*pending, 3);
        std::unique_ptr<int>& done = co_await wait_for(t, 0s);
        EXPECT_EQ(&pending, &done);
        EXPECT_EQ(&done, &t.result());
        auto given_away = create_task(give(std::make_unique<int>(4), 2));
        const std::unique_ptr<int> moved = co_await wait_for(std::move(given_away), 1h);
        EXPECT_EQ(*moved, 4);
        const future<> nothing(t);
        co_await wait_for(nothing, 1h);
        static int number = 5;
        const auto reference = []() -> coroutine<int&> { co_return number; };
        int& r = co_await wait_for(reference(), 1h);
        EXPECT_EQ(&r, &number);
    };
    run(main);
}

// S92
TEST(wait_for, comes_back_only_after_what_it_cancelled_has_ended) {
    const auto main = []() -> coroutine<> {
        names log;
        const std::string how = co_await ending(wait_for(worker("inner", new_future(), log), 1ms));
        log.push_back(how);
        EXPECT_EQ(log, (names{"inner cancelled", "inner cleaned up", timed_out}));
        EXPECT_EQ(current_task().cancelling(), 0u);
        log.clear();
        const auto t = create_task(worker("task", new_future(), log));
        co_await sleep(0s);
        const std::string zero = co_await ending(wait_for(t, 0s));
        log.push_back(zero);
        EXPECT_EQ(log, (names{"task cancelled", "task cleaned up", timed_out}));
        EXPECT_TRUE(t.cancelled());
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S93
TEST(wait_for, gives_a_value_that_comes_in_spite_of_the_cancel) {
    const auto main = []() -> coroutine<> {
        const int value = co_await wait_for(stubborn(5), 1ms);
        EXPECT_EQ(value, 5);
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S94
TEST(wait_for, throws_an_error_of_the_clean_up) {
    const auto main = []() -> coroutine<> {
        const std::string how = co_await ending(wait_for(fails_in_cleanup("cleanup"), 1ms));
        EXPECT_EQ(how, "std::runtime_error: cleanup");
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

// S95
TEST(wait_for, cancelled_cancels_the_inner_one_and_waits_for_it) {
    const auto main = []() -> coroutine<> {
        for (const asyncio::delay limit : {asyncio::delay(1h), asyncio::delay::forever()}) {
            names log;
            const auto waiter = create_task(wait_for(worker("inner", new_future(), log), limit));
            co_await rounds(2);
            waiter.cancel("outer");
            const std::string how = co_await ending(waiter);
            EXPECT_EQ(how, "cancelled: outer");
            EXPECT_EQ(log, (names{"inner cancelled", "inner cleaned up"}));
            const auto inner = create_task(forever());
            const auto other = create_task(
                [](task<int> t, asyncio::delay d) -> coroutine<> { co_await wait_for(t, d); },
                inner, limit);
            co_await rounds(2);
            other.cancel("outer");
            const std::string again = co_await ending(other);
            EXPECT_EQ(again, "cancelled: outer");
            EXPECT_TRUE(inner.cancelled());
        }
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

// S96, decision A: the value is given, and the cancel is thrown at the next await.
TEST(wait_for, that_is_done_is_not_undone_by_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const auto inner = create_task(give(4, 1));
        const auto waiter = create_task([&]() -> coroutine<> {
            log.push_back(std::to_string(co_await wait_for(inner, 1h)));
            log.push_back(co_await ending(sleep(0s)));
        });
        inner.add_done_callback([&waiter](const future<int>&) { waiter.cancel("late"); });
        co_await waiter;
        EXPECT_EQ(inner.result(), 4);
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late"}));
}

// S97, decision A: the result wins.
TEST(wait_for, loses_no_result_that_comes_in_the_round_of_the_deadline) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        asyncio::get_running_loop().call_later(1ms, [f] { f.set_result(42); });
        const int value = co_await wait_for(f, 1ms);
        EXPECT_EQ(value, 42);
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done") << "the deadline's own cancel was taken back";
        // The other order: the deadline has cancelled the task when the value comes.
        const auto t = create_task(stubborn(5));
        co_await sleep(0s);
        const int late = co_await wait_for(t, 1ms);
        EXPECT_EQ(late, 5);
    };
    on_virtual_time(main);
}

// S98
TEST(wait_for, runs_the_coroutine_in_the_task_of_the_caller) {
    const auto main = []() -> coroutine<> {
        const auto whose = []() -> coroutine<task<>> { co_return current_task(); };
        const task<> inner = co_await wait_for(whose(), 1h);
        EXPECT_EQ(inner, current_task());
    };
    run(main);
}

TEST(wait_for, cancelled_before_it_starts_starts_nothing) {
    const auto main = []() -> coroutine<> {
        bool ran = false;
        const auto body = [&]() -> coroutine<> {
            ran = true;
            co_return;
        };
        const auto t = create_task(wait_for(body(), 1h));
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_FALSE(ran);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

TEST(wait_for, throws_a_cancel_that_was_pending_when_it_began) {
    const auto main = []() -> coroutine<> {
        current_task().cancel("pending");
        const std::string how = co_await ending(wait_for(new_future(), 1h));
        EXPECT_EQ(how, "cancelled: pending");
        EXPECT_EQ(current_task().cancelling(), 1u);
    };
    run(main);
}

// A cancel that cannot be delivered before the deadline is not swallowed by it.
TEST(wait_for, does_not_swallow_a_cancel_that_was_pending_while_a_foreign_operation_ran) {
    const auto main = []() -> coroutine<> {
        current_task().cancel("pending");
        manual_foreign foreign;
        const auto body = [&]() -> coroutine<> {
            asyncio::get_running_loop().call_later(3ms, [&] { foreign.waiting.resume(); });
            co_await foreign;
            co_await sleep(0s);
        };
        const std::string how = co_await ending(wait_for(body(), 1ms));
        EXPECT_EQ(how, "cancelled: pending");
        current_task().cancel("again");
        const auto value_only = [&]() -> coroutine<int> {
            asyncio::get_running_loop().call_later(3ms, [&] { foreign.waiting.resume(); });
            co_return co_await foreign;
        };
        const int value = co_await wait_for(value_only(), 1ms);
        EXPECT_EQ(value, 7);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "cancelled: again");
    };
    run(main);
}

// A foreign operation is not ended by a deadline; its value is given.
TEST(wait_for, a_foreign_operation_gives_its_value_late) {
    const auto main = []() -> coroutine<> {
        manual_foreign foreign;
        asyncio::get_running_loop().call_later(3ms, [&] { foreign.waiting.resume(); });
        const auto body = [&]() -> coroutine<int> { co_return co_await foreign; };
        const int value = co_await wait_for(body(), 1ms);
        EXPECT_EQ(value, 7);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
    };
    run(main);
}

// S102
TEST(wait_for, an_outer_cancel_in_the_round_of_the_deadline_is_thrown_with_its_own_reason) {
    const auto main = []() -> coroutine<> {
        const auto waits = [](bool on_a_future) -> coroutine<> {
            if (on_a_future) co_await wait_for(new_future(), 1ms);
            co_await wait_for(sleep(1h), 1ms);
        };
        asyncio::event_loop& loop = asyncio::get_running_loop();
        for (const bool on_a_future : {true, false}) {
            const auto outer_first = create_task(waits(on_a_future));
            loop.call_later(1ms, [outer_first] { outer_first.cancel("bye"); });
            const std::string how = co_await ending(outer_first);
            EXPECT_EQ(how, "cancelled: bye");
            EXPECT_EQ(outer_first.cancelling(), 1u);
            const auto deadline_first = create_task(waits(on_a_future));
            co_await sleep(0s);
            loop.call_later(1ms, [deadline_first] { deadline_first.cancel("bye"); });
            const std::string again = co_await ending(deadline_first);
            EXPECT_EQ(again, "cancelled: bye");
        }
    };
    on_virtual_time(main);
}

TEST(wait_for, tells_the_cancelled_why_and_where) {
    const auto main = []() -> coroutine<> {
        asyncio::cancel_reason why;
        const auto body = [&]() -> coroutine<> {
            try {
                co_await sleep(1h);
            } catch (const cancelled_error& e) {
                why = e.reason();
                throw;
            }
        };
        const auto line = std::source_location::current().line() + 1;
        const std::string how = co_await ending(wait_for(body(), 1ms));
        EXPECT_EQ(how, timed_out);
        EXPECT_EQ(why.kind, asyncio::cancel_kind::deadline);
        EXPECT_EQ(why.where.line(), line);
    };
    run(main);
}

TEST(wait_for, is_awaited_once) {
    const auto main = []() -> coroutine<> {
        auto w = wait_for(give(1), 1h);
        const int value = co_await w;
        EXPECT_EQ(value, 1);
        std::string how;
        try {
            co_await w;
        } catch (const asyncio::invalid_state_error& e) {
            how = e.what();
        }
        EXPECT_TRUE(how.starts_with("asyncio: this coroutine was awaited, started or moved from"))
            << how;
    };
    run(main);
}

TEST(wait_for, leaves_no_deadline_behind_if_the_wait_cannot_begin) {
    auto other = asyncio::new_event_loop();
    const future<int> foreign = other->create_future<int>();
    const auto main = [&]() -> coroutine<> {
        auto w = wait_for(foreign, 1h);
        std::string how;
        try {
            co_await w;
        } catch (const std::runtime_error& e) {
            how = e.what();
        }
        EXPECT_TRUE(how.starts_with("asyncio: this future belongs to another event loop")) << how;
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

TEST(wait_for, nested_with_one_deadline_lets_the_outermost_throw) {
    const auto main = []() -> coroutine<> {
        std::string inner;
        const auto body = [&]() -> coroutine<> {
            inner = co_await ending(wait_for(sleep(1h), 1ms));
        };
        const std::string outer = co_await ending(wait_for(body(), 1ms));
        // The inner coroutine swallowed the cancel, so the outer one has a value.
        EXPECT_EQ(inner, "cancelled");
        EXPECT_EQ(outer, "done");
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string through = co_await ending(wait_for(wait_for(sleep(1h), 2ms), 1ms));
        EXPECT_EQ(through, timed_out);
        co_await sleep(0s);
    };
    on_virtual_time(main);
}

TEST(wait_for, leaves_no_timer_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> { co_await wait_for(forever(), 1h); });
    close_in_the_middle([]() -> coroutine<> { co_await wait_for(new_future(), 1h); });
}

TEST(wait_for, no_time_at_all_cancels_a_task_before_it_runs) {
    const auto main = []() -> coroutine<> {
        bool ran = false;
        const auto work = [&]() -> coroutine<int> {
            ran = true;
            co_return 5;
        };
        const auto t = create_task(work());
        const std::string how = co_await ending(wait_for(t, 0s));
        EXPECT_EQ(how, timed_out);
        EXPECT_TRUE(t.cancelled());
        const std::string negative = co_await ending(wait_for(create_task(work()), -1s));
        EXPECT_EQ(negative, timed_out);
        EXPECT_FALSE(ran);

        const auto shielded = create_task(work());
        const std::string outside = co_await ending(wait_for(asyncio::shield(shielded), 0s));
        EXPECT_EQ(outside, timed_out);
        EXPECT_EQ(co_await shielded, 5);
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

}  // namespace wait_for_test
