#include "asyncio/compose/as_outcome.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/sync/barrier.hpp"
#include "asyncio/sync/condition.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/queue.hpp"
#include "asyncio/sync/semaphore.hpp"
#include "compose/situations.hpp"

namespace as_outcome_test {

using asyncio::as_outcome;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::outcome;
using asyncio::run;
using asyncio::sleep;
using namespace situations;

using names = std::vector<std::string>;

TEST(as_outcome, gives_a_value_or_an_error) {
    const auto main = []() -> coroutine<> {
        const outcome<int> good = co_await as_outcome(give(1, 1));
        EXPECT_EQ(good.value(), 1);
        const outcome<int> bad = co_await as_outcome(fail("x", 1));
        EXPECT_FALSE(bad.has_value());
        EXPECT_FALSE(bad.cancelled());
        EXPECT_EQ(asyncio::detail::describe(bad.exception()), "std::runtime_error: x");
        const outcome<> nothing = co_await as_outcome(rounds(1));
        EXPECT_TRUE(nothing.has_value());
        const outcome<std::unique_ptr<int>> owned =
            co_await as_outcome(give(std::make_unique<int>(2)));
        EXPECT_EQ(*owned.value(), 2);
        static int number = 3;
        const auto reference = []() -> coroutine<int&> { co_return number; };
        const outcome<int&> r = co_await as_outcome(reference());
        EXPECT_EQ(&r.value(), &number);
    };
    run(main);
}

TEST(as_outcome, takes_whatever_can_be_awaited) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        f.set_result(1);
        const outcome<int> named = co_await as_outcome(f);
        EXPECT_EQ(named.value(), 1);
        const outcome<int> task = co_await as_outcome(create_task(give(2, 1)));
        EXPECT_EQ(task.value(), 2);
        const outcome<int> slept = co_await as_outcome(sleep(0s, 3));
        EXPECT_EQ(slept.value(), 3);
        const outcome<int> foreign = co_await as_outcome(threaded_foreign(4));
        EXPECT_EQ(foreign.value(), 4);
        const outcome<int> at_once = co_await as_outcome(inline_foreign(5));
        EXPECT_EQ(at_once.value(), 5);
        const auto [gathered] = co_await asyncio::gather(as_outcome(fail("x")));
        EXPECT_FALSE(gathered.has_value());
        const auto in_task = create_task(as_outcome(give(6)));
        const outcome<int>& six = co_await in_task;
        EXPECT_EQ(six.value(), 6);
        const outcome<void> failed_sleep = co_await as_outcome(asyncio::wait_for(sleep(1h), 1ms));
        EXPECT_EQ(situations::describe(failed_sleep.exception()), timed_out);
    };
    run(main);
    EXPECT_EQ(run(as_outcome(give(7))).value(), 7);
}

TEST(as_outcome, holds_the_cancel_of_the_caller_too) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto t = create_task([&]() -> coroutine<> {
            const outcome<int> first = co_await as_outcome(forever());
            log.push_back(first.cancelled() ? "cancelled" : "not");
            const outcome<int> second = co_await as_outcome(new_future());
            log.push_back(second.cancelled() ? "cancelled" : "not");
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        t.cancel();
        co_await rounds(2);
        t.cancel();
        t.cancel();
        co_await t;
        EXPECT_EQ(log, (names{"cancelled", "cancelled", "done"}));
        EXPECT_EQ(t.cancelling(), 3u);
        EXPECT_FALSE(t.cancelled());
    };
    run(main);
}

TEST(as_outcome, of_a_task_cancelled_before_it_starts_runs_nothing) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(as_outcome(give(1)));
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
    };
    run(main);
}

// Decision A
TEST(as_outcome, that_is_done_is_not_undone_by_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto t = create_task([&]() -> coroutine<> {
            const outcome<int> o = co_await as_outcome(f);
            log.push_back(std::to_string(o.value()));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        t.cancel("late");
        co_await t;
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late"}));
}

/// Cancels a task that awaits as_outcome(aw), and gives what the task got: the text of its error.
template <class A>
coroutine<std::string> outcome_of_cancelled(A aw) {
    const auto taker = create_task(
        [](A a) -> coroutine<std::string> {
            const auto how = co_await as_outcome(std::move(a));
            EXPECT_TRUE(how.cancelled());
            co_return asyncio::detail::describe(how.exception());
        },
        std::move(aw));
    co_await rounds(2);
    taker.cancel("enough");
    co_return co_await taker;
}

// None of these throws on the way, which only a debugger or a benchmark shows.
TEST(as_outcome, takes_a_cancel_of_every_wait) {
    const auto main = []() -> coroutine<> {
        const std::string enough = "asyncio::cancelled_error: cancelled: enough (explicit, by ";
        asyncio::event event;
        asyncio::lock lock;
        co_await lock.acquire();
        asyncio::queue<int> queue;
        asyncio::semaphore semaphore(0);
        asyncio::barrier barrier(2);
        asyncio::condition condition;
        const auto held = co_await condition.scoped_acquire();
        names all;
        all.push_back(co_await outcome_of_cancelled(sleep(1h)));
        all.push_back(co_await outcome_of_cancelled(sleep(1h, 1)));
        all.push_back(co_await outcome_of_cancelled(new_future()));
        all.push_back(co_await outcome_of_cancelled(event.wait()));
        all.push_back(co_await outcome_of_cancelled(lock.acquire()));
        all.push_back(co_await outcome_of_cancelled(queue.get()));
        all.push_back(co_await outcome_of_cancelled(semaphore.acquire()));
        all.push_back(co_await outcome_of_cancelled(barrier.wait()));
        all.push_back(co_await outcome_of_cancelled(asyncio::wait_for(sleep(1h), 2h)));
        all.push_back(co_await outcome_of_cancelled(asyncio::wait_for(queue.get(), 2h)));
        for (const std::string& text : all) EXPECT_TRUE(text.starts_with(enough)) << text;
        EXPECT_EQ(asyncio::current_task().cancelling(), 0u);
    };
    run(main);
}

TEST(as_outcome, takes_a_limit_that_has_passed) {
    asyncio::testing::simulate([]() -> coroutine<> {
        const outcome<> asleep = co_await as_outcome(asyncio::wait_for(sleep(2h), 1h));
        EXPECT_FALSE(asleep.cancelled());
        EXPECT_EQ(situations::describe(asleep.exception()), timed_out);
        asyncio::queue<int> queue;
        const outcome<int> got = co_await as_outcome(asyncio::wait_for(queue.get(), 1h));
        EXPECT_EQ(situations::describe(got.exception()), timed_out);
        const outcome<int> at_once = co_await as_outcome(asyncio::wait_for(queue.get(), 0s));
        EXPECT_EQ(situations::describe(at_once.exception()), timed_out);
        const outcome<int> in_time = co_await as_outcome(asyncio::wait_for(sleep(1s, 7), 1h));
        EXPECT_EQ(in_time.value(), 7);
        const outcome<int> failed = co_await as_outcome(asyncio::wait_for(fail("x", 1), 1h));
        EXPECT_EQ(asyncio::detail::describe(failed.exception()), "std::runtime_error: x");
        EXPECT_EQ(asyncio::current_task().cancelling(), 0u);
        co_await sleep(0s);
    });
}

TEST(as_outcome, is_awaited_once) {
    const auto main = []() -> coroutine<std::string> {
        auto o = as_outcome(give(1));
        (void)co_await o;
        std::string how = "nothing";
        try {
            (void)co_await o;
        } catch (const asyncio::invalid_state_error&) {
            how = "refused";
        }
        co_return how;
    };
    EXPECT_EQ(run(main), "refused");
}

TEST(as_outcome, leaves_nothing_behind_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> { (void)co_await as_outcome(forever()); });
}

TEST(as_outcome, may_outlive_the_coroutine_that_awaits_it) {
    const auto main = []() -> coroutine<int> {
        auto o = as_outcome(give(5, 1));
        const auto body = [&]() -> coroutine<int> {
            auto x = co_await std::move(o);
            co_return x.value();
        };
        const int value = co_await body();
        co_return value;
    };
    EXPECT_EQ(run(main), 5);
}

TEST(as_outcome, may_outlive_a_coroutine_that_is_dropped_while_it_waits) {
    close_in_the_middle([]() -> coroutine<> {
        auto o = as_outcome(forever());
        const auto body = [&]() -> coroutine<> { (void)co_await std::move(o); };
        co_await body();
    });
    auto outside = as_outcome(forever());
    close_in_the_middle([&]() -> coroutine<> { (void)co_await std::move(outside); });
}

}  // namespace as_outcome_test
