#include "asyncio/compose/as_completed.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace as_completed_test {

using asyncio::as_completed;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using asyncio::timeout_error;
using namespace situations;

using names = std::vector<std::string>;

// S85
TEST(as_completed, gives_results_in_the_order_in_which_they_come) {
    const auto main = []() -> coroutine<std::vector<int>> {
        std::vector<int> results;
        for (auto next : as_completed(list(give(3, 3), give(1, 1), give(2, 2)))) {
            const int value = co_await next;
            results.push_back(value);
        }
        co_return results;
    };
    EXPECT_EQ(run(main), (std::vector<int>{1, 2, 3}));
}

TEST(as_completed, can_be_walked_by_hand) {
    const auto main = []() -> coroutine<> {
        auto all = as_completed(list(give(7, 1)));
        decltype(all)::iterator at = all.begin();
        EXPECT_FALSE(at == all.end());
        auto next = *at;
        const int value = co_await next;
        EXPECT_EQ(value, 7);
        ++at;
        EXPECT_TRUE(at == all.end());
    };
    run(main);
}

TEST(as_completed, takes_some_of_one_type_and_whatever_can_be_awaited) {
    const auto main = []() -> coroutine<int> {
        int sum = 0;
        for (auto next : as_completed(give(1), give(2, 1))) sum += co_await next;
        const asyncio::completed_range<task<int>> sleeps = as_completed(sleep(0s, 3), sleep(0s, 4));
        for (auto next : sleeps) sum += co_await next;
        for (auto next : as_completed(inline_foreign(5))) sum += co_await next;
        for (auto next : as_completed(threaded_foreign(6), threaded_foreign(7)))
            sum += co_await next;
        const future<int> f = new_future();
        f.set_result(8);
        for (auto next : as_completed(f)) sum += co_await next;
        int nothing = 0;
        for (auto next : as_completed(rounds(1), rounds(2))) {
            co_await next;
            ++nothing;
        }
        EXPECT_EQ(nothing, 2);
        co_return sum;
    };
    EXPECT_EQ(run(main), 36);
}

// S85
TEST(as_completed, gives_the_first_one_to_whoever_awaits_first) {
    const auto main = []() -> coroutine<> {
        auto both = as_completed(give(std::string("late"), 3), give(std::string("early"), 1));
        auto at = both.begin();
        auto first = *at;
        ++at;
        auto second = *at;
        const std::string one = co_await second;
        const std::string two = co_await first;
        EXPECT_EQ(one, "early");
        EXPECT_EQ(two, "late");
        ++at;
        EXPECT_TRUE(at == both.end());
    };
    run(main);
}

// S85
TEST(as_completed, throws_an_error_in_its_turn) {
    const auto main = []() -> coroutine<names> {
        names results;
        for (auto next : as_completed(give(1, 2), fail("x"))) {
            results.push_back(co_await ending(std::move(next)));
        }
        const auto t = create_task(forever());
        asyncio::get_running_loop().call_soon([t] { t.cancel("away"); });
        for (auto next : as_completed(t)) results.push_back(co_await ending(std::move(next)));
        co_return results;
    };
    EXPECT_EQ(run(main), (names{"std::runtime_error: x", "done", "cancelled: away"}));
}

// S86
TEST(as_completed, gives_the_very_tasks) {
    const auto main = []() -> coroutine<> {
        const auto a = create_task(give(1, 2));
        const auto b = create_task(give(2));
        const auto both = as_completed(a, b);
        std::vector<task<int>> order;
        while (both.left() > 0) {
            const task<int> t = co_await both.next();
            order.push_back(t);
        }
        EXPECT_EQ(order, (std::vector<task<int>>{b, a}));
        const std::string how = co_await ending(both.next());
        EXPECT_EQ(how,
                  "asyncio::invalid_state_error: asyncio: as_completed: everything was given out "
                  "already (ask left() first)");
    };
    run(main);
}

// S87
TEST(as_completed, throws_when_the_time_is_up_and_cancels_nothing) {
    const auto main = []() -> coroutine<> {
        const auto slow = create_task(forever());
        const auto all = as_completed(list(create_task(give(1)), slow), 1ms);
        names results;
        for (auto next : all) results.push_back(co_await ending(std::move(next)));
        EXPECT_EQ(results,
                  (names{"done", "asyncio::timeout_error: asyncio: as_completed: timed out"}));
        EXPECT_EQ(all.left(), 0u);
        EXPECT_FALSE(slow.done());
        EXPECT_EQ(slow.cancelling(), 0u);
        slow.cancel();
    };
    run(main);
}

TEST(as_completed, still_gives_what_is_done_after_the_time_is_up) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        const future<int> g = new_future();
        const future<int> h = new_future();
        const auto all = as_completed(list(f, g, h), 0s);
        const std::string first = co_await ending(all.next());
        EXPECT_EQ(first, "asyncio::timeout_error: asyncio: as_completed: timed out");
        g.set_result(2);
        const future<int> second = co_await all.next();
        EXPECT_EQ(second, g);
        const std::string third = co_await ending(all.next());
        EXPECT_EQ(third, "asyncio::timeout_error: asyncio: as_completed: timed out");
        EXPECT_EQ(all.left(), 0u);
    };
    run(main);
}

// S87
TEST(as_completed, can_be_left_and_resumed) {
    const auto main = []() -> coroutine<std::vector<int>> {
        const auto all = as_completed(give(1), give(2, 1), give(3, 2));
        std::vector<int> results;
        for (auto next : all) {
            results.push_back(co_await next);
            break;
        }
        EXPECT_EQ(all.left(), 2u);
        for (auto next : all) results.push_back(co_await next);
        co_return results;
    };
    EXPECT_EQ(run(main), (std::vector<int>{1, 2, 3}));
}

TEST(as_completed, takes_its_timer_back_when_all_are_done_or_nobody_is_interested) {
    const auto main = []() -> coroutine<> {
        const auto all = as_completed(list(give(1), give(2)), 1h);
        EXPECT_EQ(asyncio::get_running_loop().timers.size(), 1u);
        co_await rounds(2);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        {
            const auto dropped = as_completed(list(new_future()), 1h);
            EXPECT_EQ(asyncio::get_running_loop().timers.size(), 1u);
        }
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

TEST(as_completed, collapses_duplicates) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(give(1));
        const auto all = as_completed(t, t, create_task(give(2, 1)), t);
        EXPECT_EQ(all.left(), 2u);
        std::vector<int> results;
        for (auto next : all) results.push_back(co_await next);
        EXPECT_EQ(results, (std::vector<int>{1, 2}));
    };
    run(main);
}

TEST(as_completed, of_nothing_gives_nothing) {
    const auto main = []() -> coroutine<> {
        const auto none = as_completed(std::vector<task<int>>{}, 1h);
        EXPECT_EQ(none.left(), 0u);
        EXPECT_TRUE(none.begin() == none.end());
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        co_return;
    };
    run(main);
    EXPECT_EQ(error_of([] { (void)as_completed(std::vector<task<int>>{}); }),
              "std::runtime_error: asyncio: as_completed: no event loop runs in this thread; call "
              "it inside a coroutine that was started with asyncio::run(...)");
}

TEST(as_completed, refuses_futures_of_other_loops) {
    auto one = asyncio::new_event_loop();
    auto two = asyncio::new_event_loop();
    const future<int> a = one->create_future<int>();
    const future<int> b = two->create_future<int>();
    EXPECT_EQ(error_of([&] { (void)as_completed(a, b); }),
              "std::invalid_argument: asyncio: as_completed: these futures belong to different "
              "event loops; await each on its own loop");
    EXPECT_EQ(error_of([&] { (void)as_completed(future<int>()); }),
              "asyncio::invalid_state_error: asyncio: this future or task handle is empty: it was "
              "default-constructed or moved from");
    const auto main = [&]() -> coroutine<std::string> {
        const auto other = as_completed(a);
        co_return co_await ending(other.next());
    };
    EXPECT_EQ(run(main),
              "std::runtime_error: asyncio: as_completed: these tasks belong to another event "
              "loop; await them there");
}

TEST(as_completed, moves_what_cannot_be_copied) {
    const auto main = []() -> coroutine<int> {
        int sum = 0;
        for (auto next :
             as_completed(give(std::make_unique<int>(1)), give(std::make_unique<int>(2), 1))) {
            const std::unique_ptr<int> value = co_await next;
            sum += *value;
        }
        co_return sum;
    };
    EXPECT_EQ(run(main), 3);
}

TEST(as_completed, gives_references_as_they_are) {
    static int number = 5;
    const auto reference = []() -> coroutine<int&> { co_return number; };
    const auto main = [&]() -> coroutine<> {
        for (auto next : as_completed(reference())) {
            int& r = co_await next;
            EXPECT_EQ(&r, &number);
        }
    };
    run(main);
}

TEST(as_completed, cancelled_leaves_the_tasks_running) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(forever());
        const auto all = as_completed(t);
        const auto consumer = create_task(all.next());
        co_await rounds(2);
        consumer.cancel("enough");
        const std::string how = co_await ending(consumer);
        EXPECT_EQ(how, "cancelled: enough");
        EXPECT_EQ(t.cancelling(), 0u);
        EXPECT_EQ(all.left(), 1u);
        const auto limited = as_completed(t);
        const std::string late = co_await ending(asyncio::wait_for(limited.next(), 1ms));
        EXPECT_EQ(late, "asyncio::timeout_error: asyncio: timed out");
        t.cancel();
    };
    run(main);
}

TEST(as_completed, cancelled_before_it_starts_takes_nothing) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        const auto all = as_completed(f);
        const auto consumer = create_task(all.next());
        consumer.cancel();
        const std::string how = co_await ending(consumer);
        EXPECT_EQ(how, "cancelled");
        asyncio::current_task().cancel("pending");
        const std::string pending = co_await ending(all.next());
        EXPECT_EQ(pending, "cancelled: pending");
        f.set_result(1);
        const future<int> given = co_await all.next();
        EXPECT_EQ(given, f);
    };
    run(main);
}

// Decision A
TEST(as_completed, loses_nothing_to_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto all = as_completed(f);
        const auto consumer = create_task([&]() -> coroutine<> {
            const future<int> done = co_await all.next();
            log.push_back(std::to_string(done.result()));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        consumer.cancel("late");
        co_await consumer;
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late"}));
}

TEST(as_completed, ends_the_wait_of_those_for_whom_nothing_is_left) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        const auto all = as_completed(f);
        const auto first = create_task(all.next());
        const auto second = create_task(all.next());
        co_await rounds(2);
        f.set_result(1);
        const future<int> given = co_await first;
        EXPECT_EQ(given, f);
        const std::string how = co_await ending(second);
        EXPECT_TRUE(how.starts_with("asyncio::invalid_state_error: asyncio: as_completed: ev"));
    };
    run(main);
}

TEST(as_completed, can_be_awaited_again_after_a_cancel) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        const auto all = as_completed(f);
        const auto consumer = create_task([&]() -> coroutine<int> {
            auto next = *all.begin();
            try {
                co_return co_await next;
            } catch (const asyncio::cancelled_error&) {
            }
            co_return co_await next;
        });
        co_await rounds(2);
        consumer.cancel();
        co_await rounds(2);
        f.set_result(3);
        const int value = co_await consumer;
        EXPECT_EQ(value, 3);
    };
    run(main);
}

TEST(as_completed, says_in_a_stack_what_it_waits_for) {
    const auto main = []() -> coroutine<> {
        const auto all = as_completed(new_future());
        const auto t = create_task(all.next());
        co_await rounds(2);
        auto& state = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_EQ(state.waiting_on->describe(), "the next of as_completed()");
        t.cancel();
    };
    run(main);
}

TEST(as_completed, leaves_nothing_behind_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> {
        for (auto next : as_completed(list(forever(), forever()), 1h)) co_await next;
    });
    auto loop = asyncio::new_event_loop();
    const auto kept = as_completed(list(loop->create_future<int>()), 1h);
    loop.reset();
    EXPECT_EQ(kept.left(), 1u);
}

}  // namespace as_completed_test
