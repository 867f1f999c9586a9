#include "asyncio/compose/wait.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace wait_test {

using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::return_when;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using asyncio::wait;
using namespace situations;

using names = std::vector<std::string>;
using tasks = std::vector<task<int>>;

TEST(wait, gives_what_is_done_in_the_order_of_the_argument) {
    const auto main = []() -> coroutine<> {
        const tasks all{create_task(give(1, 2)), create_task(give(2)), create_task(fail("x", 1))};
        const auto [done, pending] = co_await wait(all);
        EXPECT_EQ(done, all);
        EXPECT_TRUE(pending.empty());
        EXPECT_EQ(done[0].result(), 1);
        EXPECT_EQ(asyncio::detail::describe(done[2].exception()), "std::runtime_error: x");
    };
    run(main);
}

TEST(wait, takes_futures_and_tasks_of_any_result) {
    const auto main = []() -> coroutine<> {
        const std::vector<future<int>> futures{new_future(), new_future()};
        futures[0].set_result(1);
        const asyncio::wait_result<future<int>> some =
            co_await wait(futures, {.return_when = return_when::first_completed});
        EXPECT_EQ(some.done, std::vector<future<int>>{futures[0]});
        EXPECT_EQ(some.pending, std::vector<future<int>>{futures[1]});
        const std::vector<task<>> mixed{create_task(rounds(1)), create_task(give(1))};
        const auto all = co_await wait(mixed);
        EXPECT_EQ(all.done.size(), 2u);
    };
    run(main);
}

// S81
TEST(wait, for_nothing_is_an_error) {
    EXPECT_EQ(error_of([] { (void)wait(tasks{}); }),
              "std::invalid_argument: asyncio: wait() needs at least one task; for none there is "
              "nothing to wait for");
    EXPECT_EQ(error_of([] { (void)wait(std::vector<future<int>>(1)); }),
              "asyncio::invalid_state_error: asyncio: this future or task handle is empty: it was "
              "default-constructed or moved from");
}

// S81
TEST(wait, collapses_duplicates) {
    const auto main = []() -> coroutine<> {
        const auto a = create_task(give(1));
        const auto b = create_task(give(2, 1));
        const auto result = co_await wait(list(b, a, b, a, a));
        EXPECT_EQ(result.done, (tasks{b, a}));
    };
    run(main);
}

TEST(wait, refuses_tasks_of_another_loop) {
    auto one = asyncio::new_event_loop();
    auto two = asyncio::new_event_loop();
    const std::vector<future<int>> foreign{one->create_future<int>()};
    const std::vector<future<int>> mixed{foreign[0], two->create_future<int>()};
    EXPECT_EQ(error_of([&] { (void)wait(mixed); }),
              "std::invalid_argument: asyncio: wait: these futures belong to different event "
              "loops; await each on its own loop");
    const auto main = [&]() -> coroutine<std::string> {
        auto w = wait(foreign);
        co_return co_await ending(std::move(w));
    };
    EXPECT_EQ(run(main),
              "std::runtime_error: asyncio: wait(): these tasks belong to another event loop; wait "
              "for them there");
}

// S82
TEST(wait, neither_throws_nor_cancels_when_the_time_is_up) {
    const auto main = []() -> coroutine<> {
        const auto slow = create_task(forever());
        const auto quick = create_task(give(1));
        const auto result = co_await wait(list(slow, quick), {.timeout = 1ms});
        EXPECT_EQ(result.done, tasks{quick});
        EXPECT_EQ(result.pending, tasks{slow});
        EXPECT_EQ(slow.cancelling(), 0u);
        const auto none = co_await wait(list(slow), {.timeout = 0s});
        EXPECT_TRUE(none.done.empty());
        const auto before = co_await wait(list(slow), {.timeout = -1s});
        EXPECT_TRUE(before.done.empty());
        EXPECT_EQ(asyncio::get_running_loop().timers.size(), 1u) << "only the sleep's own";
        slow.cancel();
    };
    run(main);
}

TEST(wait, takes_its_timer_back_when_it_is_over) {
    const auto main = []() -> coroutine<> {
        co_await wait(list(create_task(give(1))), {.timeout = 1h});
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        const auto waiting = create_task(
            []() -> coroutine<> { co_await wait(list(new_future()), {.timeout = 1h}); });
        co_await rounds(2);
        EXPECT_EQ(asyncio::get_running_loop().timers.size(), 1u);
        waiting.cancel();
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        const std::string how = co_await ending(waiting);
        EXPECT_EQ(how, "cancelled");
    };
    run(main);
}

// S82
TEST(wait, cancelled_leaves_the_tasks_running) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(forever());
        const auto waiting =
            create_task([](task<int> other) -> coroutine<> { co_await wait(list(other)); }, t);
        co_await rounds(2);
        waiting.cancel("enough");
        const std::string how = co_await ending(waiting);
        EXPECT_EQ(how, "cancelled: enough");
        EXPECT_EQ(t.cancelling(), 0u);
        EXPECT_FALSE(t.done());
        t.cancel();
    };
    run(main);
}

// S83
TEST(wait, for_the_first_exception) {
    const auto main = []() -> coroutine<> {
        const asyncio::wait_options first{.return_when = return_when::first_exception};
        const auto slow = create_task(forever());
        const auto quick = create_task(give(1));
        const auto bad = create_task(fail("x", 2));
        const auto result = co_await wait(list(slow, quick, bad), first);
        EXPECT_EQ(result.done, (tasks{quick, bad}));
        EXPECT_EQ(result.pending, tasks{slow});

        const auto again = co_await wait(list(slow, bad), first);
        EXPECT_EQ(again.done, tasks{bad}) << "it had failed already";
        (void)bad.exception();

        const auto cancelled = create_task(forever());
        asyncio::get_running_loop().call_soon([cancelled] { cancelled.cancel(); });
        const auto all = co_await wait(list(cancelled, create_task(give(2, 4))), first);
        EXPECT_EQ(all.done.size(), 2u) << "a cancel is no exception: it waited for all";
        slow.cancel();
    };
    run(main);
}

// S84
TEST(wait, for_the_first_completed_may_give_several) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        const future<int> g = new_future();
        const future<int> h = new_future();
        asyncio::get_running_loop().call_soon([f, g] {
            f.set_result(1);
            g.set_result(2);
        });
        const auto result =
            co_await wait(list(h, g, f), {.return_when = return_when::first_completed});
        EXPECT_EQ(result.done, (std::vector<future<int>>{g, f}));
        EXPECT_EQ(result.pending, std::vector<future<int>>{h});
    };
    run(main);
}

TEST(wait, cancelled_before_it_starts_never_waits) {
    const auto main = []() -> coroutine<> {
        const auto waiting =
            create_task([](future<int> f) -> coroutine<> { co_await wait(list(f)); }, new_future());
        waiting.cancel();
        const std::string how = co_await ending(waiting);
        EXPECT_EQ(how, "cancelled");
        asyncio::current_task().cancel("pending");
        auto w = wait(list(new_future()));
        const std::string pending = co_await ending(std::move(w));
        EXPECT_EQ(pending, "cancelled: pending");
    };
    run(main);
}

// Decision A
TEST(wait, that_is_over_is_not_undone_by_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto waiting = create_task([&]() -> coroutine<> {
            const auto result =
                co_await wait(list(f, new_future()),
                              {.timeout = 1h, .return_when = return_when::first_completed});
            log.push_back(std::to_string(result.done.size()));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(1);
        waiting.cancel("late");
        co_await waiting;
    };
    run(main);
    EXPECT_EQ(log, (names{"1", "cancelled: late"}));
}

TEST(wait, can_be_awaited_again) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        auto w = wait(list(f), {.timeout = 1ms});
        const auto early = co_await w;
        EXPECT_TRUE(early.done.empty());
        asyncio::get_running_loop().call_soon([f] { f.set_result(1); });
        const auto late = co_await w;
        EXPECT_EQ(late.done.size(), 1u);
    };
    run(main);
}

TEST(wait, runs_wherever_something_to_await_is_taken) {
    EXPECT_EQ(run([]() -> coroutine<std::size_t> {
                  const std::vector<future<int>> none{new_future()};
                  const auto t = create_task(wait(none, {.timeout = 0s}));
                  const auto from_task = co_await t;
                  const auto [gathered] = co_await asyncio::gather(wait(none, {.timeout = 0s}));
                  const auto limited = co_await asyncio::wait_for(wait(none, {.timeout = 0s}), 1h);
                  const auto shielded = co_await asyncio::shield(wait(none, {.timeout = 0s}));
                  co_return from_task.pending.size() + gathered.pending.size() +
                      limited.pending.size() + shielded.pending.size();
              }),
              4u);
}

TEST(wait, says_in_a_stack_for_how_many_it_waits) {
    const auto main = []() -> coroutine<> {
        const auto t =
            create_task([]() -> coroutine<> { co_await wait(list(new_future(), new_future())); });
        co_await rounds(2);
        auto& state = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_EQ(state.waiting_on->describe(), "wait() for 2 tasks");
        t.cancel();
    };
    run(main);
}

TEST(wait, for_a_hundred_thousand_tasks) {
    const auto main = []() -> coroutine<std::size_t> {
        tasks many;
        for (int i = 0; i < 100'000; ++i) many.push_back(create_task(give(i)));
        const auto result = co_await wait(many, {.timeout = 1h});
        co_return result.done.size();
    };
    EXPECT_EQ(run(main), 100'000u);
}

TEST(wait, leaves_nothing_behind_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> {
        co_await wait(list(create_task(forever()), create_task(forever())), {.timeout = 1h});
    });
}

TEST(wait, lets_the_others_run_where_it_has_nothing_to_wait_for) {
    const auto main = []() -> coroutine<> {
        const auto quick = create_task(give(1));
        const auto slow = create_task(give(2, 5));
        co_await quick;
        int waits = 0;
        while (!slow.done() && waits < 100) {
            (void)co_await wait(list(quick, slow), {.return_when = return_when::first_completed});
            ++waits;
        }
        EXPECT_TRUE(slow.done());
        EXPECT_LE(waits, 6);
    };
    run(main);
}

TEST(wait, that_has_nothing_to_wait_for_takes_a_cancel) {
    const auto main = []() -> coroutine<> {
        const auto quick = create_task(give(1));
        co_await quick;
        (void)asyncio::current_task().cancel("now");
        const std::string how = co_await ending(wait(list(quick)));
        EXPECT_EQ(how, "cancelled: now");
        (void)asyncio::current_task().uncancel();
    };
    run(main);
}

}  // namespace wait_test
