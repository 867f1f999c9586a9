#include "asyncio/sync/barrier.hpp"

#include <algorithm>

#include "asyncio/compose/with.hpp"
#include "room.hpp"

namespace barrier_test {

using namespace room;
using asyncio::barrier;

coroutine<> pass(barrier& b, std::vector<std::size_t>& indices) {
    const std::size_t index = co_await b.wait();
    indices.push_back(index);
}

TEST(barrier, gives_every_task_another_index) {  // S143
    run([]() -> coroutine<> {
        barrier b(3, "start");
        std::vector<std::size_t> indices;
        EXPECT_EQ(b.parties(), 3u);
        EXPECT_EQ(b.name(), "start");
        const auto first = create_task(pass(b, indices));
        const auto second = create_task(pass(b, indices));
        co_await settle();
        EXPECT_EQ(b.n_waiting(), 2u);
        EXPECT_EQ(b.describe(), "barrier 'start' (2 of 3 are there)");
        auto& s = static_cast<asyncio::detail::task_state_base&>(*first.state());
        EXPECT_EQ(s.waiting_on->describe(), b.describe());
        EXPECT_TRUE(indices.empty());
        const auto suspended = co_await rounds_of(pass(b, indices));
        EXPECT_EQ(suspended, 0u) << "the last one does not wait";
        EXPECT_EQ(b.n_waiting(), 0u);
        co_await settle();
        EXPECT_EQ(indices, (std::vector<std::size_t>{2, 0, 1}));
        EXPECT_FALSE(b.broken());
    });
}

TEST(barrier, of_one_never_waits) {  // test_filling_one_task_twice
    run([]() -> coroutine<> {
        barrier b(1);
        for (int i = 0; i < 3; ++i) {
            const std::size_t index = co_await b.wait();
            EXPECT_EQ(index, 0u);
            EXPECT_EQ(b.n_waiting(), 0u);
        }
    });
}

TEST(barrier, does_not_count_a_task_of_another_loop) {
    const auto one = asyncio::new_event_loop();
    const auto two = asyncio::new_event_loop();
    const auto settle_on = [](asyncio::event_loop& l) { l.run_until_complete(settle()); };
    barrier b(2);
    std::vector<std::size_t> indices;
    const auto first = one->create_task(pass(b, indices));
    settle_on(*one);
    const auto foreign = two->create_task(pass(b, indices));
    settle_on(*two);
    EXPECT_EQ(state(foreign),
              "std::runtime_error: asyncio: this barrier is used by another event loop; give each "
              "loop its own, and reach the other one with run_coroutine_threadsafe");
    EXPECT_EQ(b.n_waiting(), 1u);
    const auto second = one->create_task(pass(b, indices));
    settle_on(*one);
    EXPECT_EQ(indices, (std::vector<std::size_t>{1, 0}));
}

TEST(barrier, refuses_to_be_for_nobody) {
    EXPECT_EQ(error_of([] { barrier b(0); }),
              "std::invalid_argument: asyncio: a barrier for 0 tasks: parties must be 1 or more");
}

TEST(barrier, holds_the_next_round_back_until_the_last_one_has_left) {  // S143
    run([]() -> coroutine<> {  // test_blocking_tasks_while_draining
        constexpr int parties = 5;
        barrier all(parties);
        barrier most(parties - 2);
        int again = 2;
        int passed = 0;
        const auto one = [](barrier& b, barrier& rest, int& may_wait, int& count) -> coroutine<> {
            co_await b.wait();
            if (may_wait-- > 0) {
                co_await b.wait();
            } else {
                co_await rest.wait();
                co_await b.wait();
            }
            ++count;
        };
        std::vector<task<>> tasks;
        for (int i = 0; i < parties; ++i)
            tasks.push_back(
                create_task(one, std::ref(all), std::ref(most), std::ref(again), std::ref(passed)));
        co_await settle();
        EXPECT_EQ(passed, parties);
        EXPECT_EQ(all.n_waiting(), 0u);
    });
}

TEST(barrier, goes_on_round_after_round) {
    run([]() -> coroutine<> {
        barrier b(3);
        std::vector<int> at;
        const auto runner = [](barrier& line, std::vector<int>& laps) -> coroutine<> {
            for (int lap = 1; lap <= 20; ++lap) {
                co_await line.wait();
                laps.push_back(lap);
            }
        };
        std::vector<task<>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(create_task(runner, std::ref(b), std::ref(at)));
        for (auto& t : tasks) co_await t;
        EXPECT_EQ(at.size(), 60u);
        EXPECT_TRUE(std::is_sorted(at.begin(), at.end()));
    });
}

TEST(barrier, is_not_broken_by_a_cancelled_task) {  // S143, test_filling_tasks_cancel_one
    run([]() -> coroutine<> {
        barrier b(3);
        std::vector<std::size_t> indices;
        const auto first = create_task(pass(b, indices));
        const auto second = create_task(pass(b, indices));
        const auto before_start = create_task(pass(b, indices));
        before_start.cancel();
        co_await settle();
        EXPECT_EQ(b.n_waiting(), 2u);
        first.cancel();
        EXPECT_EQ(b.n_waiting(), 1u);
        co_await settle();
        EXPECT_EQ(state(first), "cancelled");
        EXPECT_FALSE(b.broken());
        const auto third = create_task(pass(b, indices));
        co_await settle();
        EXPECT_EQ(b.n_waiting(), 2u);
        co_await pass(b, indices);
        co_await settle();
        std::sort(indices.begin(), indices.end());
        EXPECT_EQ(indices, (std::vector<std::size_t>{0, 1, 2})) << "also after a cancel";
    });
}

TEST(barrier, that_has_opened_is_not_undone_by_a_cancel_in_the_same_round) {
    run([]() -> coroutine<> {
        barrier b(2);
        words log;
        const auto t = create_task(
            [](barrier& line, words& heard) -> coroutine<> {
                const std::size_t index = co_await line.wait();
                heard.push_back("index " + std::to_string(index));
                co_await asyncio::sleep(0s);
                heard.push_back("never");
            },
            std::ref(b), std::ref(log));
        co_await settle();
        (void)co_await b.wait();
        t.cancel();
        co_await settle();
        EXPECT_EQ(log, words{"index 0"}) << "the cancel is thrown at the next await";
        EXPECT_EQ(state(t), "cancelled");
    });
}

TEST(barrier, sends_those_who_wait_away_when_it_is_reset) {  // S143
    run([]() -> coroutine<> {  // test_reset_barrier_while_tasks_waiting
        barrier b(2, "start");
        std::vector<std::size_t> indices;
        const auto t = create_task(pass(b, indices));
        co_await settle();
        co_await b.reset();
        EXPECT_EQ(b.n_waiting(), 0u);
        co_await settle();
        EXPECT_EQ(state(t),
                  "asyncio::broken_barrier_error: asyncio: barrier 'start' was reset while this "
                  "task waited");
        EXPECT_FALSE(b.broken());
        const auto next = create_task(pass(b, indices));
        co_await settle();
        co_await pass(b, indices);
        co_await next;
        EXPECT_EQ(indices.size(), 2u);
        co_await b.reset();
        EXPECT_FALSE(b.broken());
    });
}

TEST(barrier, stays_broken_after_an_abort_until_it_is_reset) {  // S143, test_abort_barrier
    run([]() -> coroutine<> {
        barrier b(2, "start");
        std::vector<std::size_t> indices;
        const auto t = create_task(pass(b, indices));
        co_await settle();
        co_await b.abort();
        EXPECT_TRUE(b.broken());
        co_await settle();
        EXPECT_EQ(state(t),
                  "asyncio::broken_barrier_error: asyncio: barrier 'start' was aborted while this "
                  "task waited");
        const std::string how = co_await ending(b.wait());
        EXPECT_EQ(how,
                  "asyncio::broken_barrier_error: asyncio: barrier 'start' is broken: it was "
                  "aborted; reset() makes it usable again");
        co_await create_task(b.reset());
        EXPECT_FALSE(b.broken());
        const auto next = create_task(pass(b, indices));
        co_await rounds();
        co_await pass(b, indices);
        co_await next;
    });
}

TEST(barrier, that_is_reset_by_a_task_on_its_way_out_stops_the_others) {  // S143
    run([]() -> coroutine<> {  // test_reset_barrier_when_tasks_half_draining_half_blocking
        barrier b(5);
        int away = 0;
        int blocked_away = 0;
        int through = 0;
        const auto one = [](barrier& line, int& broken, int& blocked, int& out) -> coroutine<> {
            const std::string how = co_await ending(line.wait());
            if (how != "done") {
                ++broken;
                co_await line.wait();
            } else if (++out > 2) {
                co_await line.reset();
                co_await line.wait();
            } else {
                const std::string again = co_await ending(line.wait());
                if (again != "done") ++blocked;
            }
        };
        std::vector<task<>> tasks;
        for (int i = 0; i < 5; ++i)
            tasks.push_back(create_task(one, std::ref(b), std::ref(away), std::ref(blocked_away),
                                        std::ref(through)));
        co_await settle();
        for (auto& t : tasks) EXPECT_EQ(state(t), "done");
        EXPECT_EQ(away, 2);
        EXPECT_EQ(blocked_away, 0) << "those who wait outside go on waiting";
        EXPECT_EQ(b.n_waiting(), 0u);
        EXPECT_FALSE(b.broken());
    });
}

TEST(barrier, that_is_aborted_by_a_task_on_its_way_out_stops_everybody) {  // S143
    run([]() -> coroutine<> {  // test_abort_barrier_when_tasks_half_draining_half_blocking
        barrier b(5);
        int away = 0;
        int blocked_away = 0;
        int through = 0;
        const auto one = [](barrier& line, int& broken, int& blocked, int& out) -> coroutine<> {
            const std::string how = co_await ending(line.wait());
            if (how != "done") {
                ++broken;
            } else if (++out > 2) {
                co_await line.abort();
            } else {
                const std::string again = co_await ending(line.wait());
                if (again != "done") ++blocked;
            }
        };
        std::vector<task<>> tasks;
        for (int i = 0; i < 5; ++i)
            tasks.push_back(create_task(one, std::ref(b), std::ref(away), std::ref(blocked_away),
                                        std::ref(through)));
        co_await settle();
        for (auto& t : tasks) EXPECT_EQ(state(t), "done");
        EXPECT_EQ(away, 2);
        EXPECT_EQ(blocked_away, 2);
        EXPECT_TRUE(b.broken());
        EXPECT_EQ(b.n_waiting(), 0u);
    });
}

TEST(barrier, takes_a_cancel_outside) {
    run([]() -> coroutine<> {
        barrier b(2);
        std::vector<std::size_t> indices;
        const auto inside = create_task(pass(b, indices));
        co_await settle();
        const auto cancelled = create_task(pass(b, indices));
        const auto woken =
            create_task([](barrier& line) -> coroutine<> { co_await line.wait(); }, std::ref(b));
        const auto also = create_task(pass(b, indices));
        (void)co_await b.wait();  // opens it; the others come while it drains
        EXPECT_EQ(b.n_waiting(), 0u);
        co_await rounds();
        cancelled.cancel();
        woken.cancel();
        co_await settle();
        EXPECT_EQ(b.n_waiting(), 1u) << "also came in alone";
        co_await pass(b, indices);
        co_await settle();
        EXPECT_EQ(state(also), "done");
    });
}

TEST(barrier, can_be_used_with_with) {  // test_context_manager
    run([]() -> coroutine<> {
        barrier b(2);
        int inside = 0;
        const auto body = [&inside]() -> coroutine<> {
            ++inside;
            co_return;
        };
        const auto other = create_task(asyncio::with(b, body));
        co_await asyncio::with(b, body);
        co_await other;
        EXPECT_EQ(inside, 2);
        const auto entering = create_task(b.enter());
        co_await b.enter();
        b.exit();
        co_await entering;
    });
}

TEST(barrier, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        auto b = std::make_unique<barrier>(2);
        std::vector<std::size_t> indices;
        const auto inside = create_task(pass(*b, indices));
        co_await settle();
        (void)co_await b->wait();
        const auto outside = create_task(pass(*b, indices), {.eager_start = true});
        b.reset();
        co_await settle();
        const std::string error =
            "std::runtime_error: asyncio: the barrier was destroyed while this task waited for it; "
            "it must outlive the tasks that use it";
        EXPECT_EQ(state(inside), error);
        EXPECT_EQ(state(outside), error);
    });
}

TEST(barrier, survives_a_loop_that_is_closed_while_tasks_wait) {
    listening_loop loop;
    barrier b(3);
    std::vector<std::size_t> indices;
    for (int i = 0; i < 2; ++i) loop->create_task(pass(b, indices));
    loop->run_until_complete(settle());
    EXPECT_EQ(b.n_waiting(), 2u);
    loop.close();
    EXPECT_EQ(b.n_waiting(), 0u);
}

}  // namespace barrier_test
