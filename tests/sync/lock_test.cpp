#include "asyncio/sync/lock.hpp"

#include "asyncio/compose/with.hpp"
#include "room.hpp"

namespace lock_test {

using namespace room;
using asyncio::guard;
using asyncio::lock;

coroutine<> hold(lock& l, std::string name, words& log, int for_rounds = 0) {
    const auto held = co_await l.scoped_acquire();
    log.push_back(std::move(name));
    co_await rounds(for_rounds);
}

coroutine<> acquire(lock& l) { co_await l.acquire(); }

TEST(lock, is_taken_without_suspending_if_it_is_free) {  // S37
    run([]() -> coroutine<> {
        lock l;
        const auto suspended = co_await rounds_of(l.acquire());
        EXPECT_EQ(suspended, 0u);
        EXPECT_TRUE(l.locked());
        l.release();
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, is_first_in_first_out) {  // S134
    run([]() -> coroutine<> {
        lock l;
        words order;
        co_await l.acquire();
        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c"})
            tasks.push_back(create_task(hold(l, name, order, 1)));
        co_await settle();
        EXPECT_EQ(order, words{});
        l.release();
        EXPECT_FALSE(l.locked()) << "until the next one's turn";
        for (auto& t : tasks) co_await t;
        EXPECT_EQ(order, (words{"a", "b", "c"}));
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, lets_no_newcomer_overtake) {  // S134
    run([]() -> coroutine<> {
        lock l;
        words order;
        co_await l.acquire();
        const auto waiter = create_task(hold(l, "waiter", order));
        co_await settle();
        l.release();
        co_await hold(l, "newcomer", order);
        co_await waiter;
        EXPECT_EQ(order, (words{"waiter", "newcomer"}));
    });
}

coroutine<words> release_and_cancel_in_one_round(bool cancel_first) {
    lock l;
    words order;
    co_await l.acquire();
    const auto a = create_task(hold(l, "a", order, 3));
    const auto b = create_task(hold(l, "b", order, 3));
    const auto c = create_task(hold(l, "c", order, 3));
    co_await settle();
    if (cancel_first) a.cancel();
    l.release();
    if (!cancel_first) a.cancel();
    co_await rounds(2);
    EXPECT_EQ(order, words{"b"}) << "exactly the next one";
    co_await settle();
    EXPECT_EQ(state(a), "cancelled");
    EXPECT_EQ(state(b), "done");
    EXPECT_EQ(state(c), "done");
    EXPECT_FALSE(l.locked());
    co_return order;
}

TEST(lock, wakes_the_next_one_if_the_first_is_cancelled_in_the_round_of_the_release) {  // S134
    EXPECT_EQ(run(release_and_cancel_in_one_round(true)), (words{"b", "c"}));
    EXPECT_EQ(run(release_and_cancel_in_one_round(false)), (words{"b", "c"}));
}

TEST(lock, is_free_after_the_only_waiter_was_granted_and_cancelled) {  // S135
    run([]() -> coroutine<> {
        lock l;
        co_await l.acquire();
        const auto t = create_task(acquire(l));
        co_await settle();
        l.release();
        t.cancel();
        co_await settle();
        EXPECT_EQ(state(t), "cancelled");
        EXPECT_FALSE(l.locked());
        const auto suspended = co_await rounds_of(l.acquire());
        EXPECT_EQ(suspended, 0u);
        l.release();
    });
}

TEST(lock, hands_a_grant_through_a_row_of_cancelled_tasks) {  // S134, S135
    run([]() -> coroutine<> {
        lock l;
        words order;
        co_await l.acquire();
        std::vector<task<>> tasks;
        for (int i = 0; i < 5; ++i) tasks.push_back(create_task(hold(l, std::to_string(i), order)));
        co_await settle();
        l.release();
        for (int i = 0; i < 4; ++i) tasks[static_cast<std::size_t>(i)].cancel();
        co_await settle();
        EXPECT_EQ(order, words{"4"});
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, takes_a_cancel_before_the_start_and_while_waiting) {
    run([]() -> coroutine<> {
        lock l;
        co_await l.acquire();
        const auto before_start = create_task(acquire(l));
        before_start.cancel();
        const auto waiting = create_task(ending(l.acquire()));
        co_await settle();
        EXPECT_EQ(state(before_start), "cancelled");
        waiting.cancel("no more");
        const std::string how = co_await waiting;
        EXPECT_EQ(how, "cancelled: no more");
        l.release();
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, delivers_a_pending_cancel_only_where_it_suspends) {  // S50
    run([]() -> coroutine<> {
        lock free_lock;
        lock held;
        co_await held.acquire();
        const auto t = create_task(
            [](lock& free_one, lock& other) -> coroutine<> {
                asyncio::current_task().cancel();
                co_await free_one.acquire();
                EXPECT_TRUE(free_one.locked()) << "an await that does not suspend is not cancelled";
                free_one.release();
                co_await other.acquire();
            },
            std::ref(free_lock), std::ref(held));
        co_await settle();
        EXPECT_EQ(state(t), "cancelled");
        EXPECT_FALSE(free_lock.locked());
        held.release();
        EXPECT_FALSE(held.locked()) << "the cancelled task left the line";
    });
}

TEST(lock, refuses_a_release_that_has_no_acquire) {
    lock named("db");
    lock unnamed;
    EXPECT_EQ(error_of([&] { named.release(); }),
              "std::runtime_error: asyncio: release() of lock 'db' that is not held: every "
              "release() needs its own acquire(), and a guard releases by itself");
    EXPECT_EQ(error_of([&] { unnamed.release(); }).substr(0, 58),
              "std::runtime_error: asyncio: release() of a lock that is n");
}

TEST(lock, refuses_a_second_release_before_the_next_ones_turn) {
    run([]() -> coroutine<> {
        lock l;
        words order;
        co_await l.acquire();
        const auto t = create_task(hold(l, "a", order));
        co_await settle();
        l.release();
        EXPECT_NE(error_of([&] { l.release(); }), "");
        co_await t;
        EXPECT_EQ(order, words{"a"});
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, gives_a_guard_that_releases_at_the_end_of_its_scope) {
    run([]() -> coroutine<> {
        lock l;
        {
            const guard<lock> held = co_await l.scoped_acquire();
            EXPECT_TRUE(l.locked());
            EXPECT_TRUE(held.owns_lock());
        }
        EXPECT_FALSE(l.locked());
        auto t = create_task(l.scoped_acquire());
        {
            const guard<lock> held = co_await std::move(t);
            EXPECT_TRUE(l.locked()) << "a task brings the guard";
        }
        EXPECT_FALSE(l.locked());
        auto dropped = create_task(l.scoped_acquire());
        co_await settle();
        EXPECT_TRUE(l.locked());
        dropped = {};
        EXPECT_FALSE(l.locked()) << "the guard dies with the result that nobody took";
    });
}

TEST(lock, can_be_used_with_with) {
    run([]() -> coroutine<> {
        lock l;
        const auto body = [&l]() -> coroutine<int> {
            EXPECT_TRUE(l.locked());
            co_return 7;
        };
        const int seven = co_await asyncio::with(l, body);
        EXPECT_EQ(seven, 7);
        EXPECT_FALSE(l.locked());
        const auto failing = [](lock&) -> coroutine<> { throw std::runtime_error("x"); };
        const std::string how = co_await ending(asyncio::with(l, failing));
        EXPECT_EQ(how, "std::runtime_error: x");
        EXPECT_FALSE(l.locked());
    });
}

TEST(lock, reports_an_exit_that_has_nothing_to_release) {
    listening_loop loop;
    loop->run_until_complete([]() -> coroutine<> {
        lock l("db");
        {
            const auto held = co_await l.scoped_acquire();
            l.release();
        }
        EXPECT_FALSE(l.locked());
        co_await l.enter();
        l.exit();
        EXPECT_FALSE(l.locked());
    }());
    ASSERT_EQ(loop.reports.size(), 1u);
    EXPECT_EQ(loop.reports[0].substr(0, 94),
              "Exception in the release of a lock: std::runtime_error: asyncio: release() of lock "
              "'db' that i");
}

TEST(lock, knows_its_owner) {
    run([]() -> coroutine<> {
        lock l("db");
        words log;
        EXPECT_EQ(l.name(), "db");
        EXPECT_EQ(l.describe(), "lock 'db', free");
        EXPECT_FALSE(l.owner().valid());
        const auto worker = create_task(hold(l, "w", log, 3), {.name = "worker"});
        co_await rounds();
        EXPECT_EQ(l.describe(), "lock 'db' held by task 'worker'");
        EXPECT_TRUE(l.owner() == worker);
        const auto waiter = create_task(hold(l, "v", log, 3), {.name = "waiter"});
        co_await rounds();
        auto& state = static_cast<asyncio::detail::task_state_base&>(*waiter.state());
        EXPECT_NE(
            asyncio::detail::format_stack(state).find("waits for lock 'db' held by task 'worker'"),
            std::string::npos);
        EXPECT_EQ(state.waiting_on->owner(), worker.state().get());
        co_await worker;
        EXPECT_EQ(l.owner().get_name(), "waiter");
        co_await waiter;
        EXPECT_EQ(l.describe(), "lock 'db', free");
    });
}

TEST(lock, forgets_an_owner_that_has_ended) {
    run([]() -> coroutine<> {
        lock l;
        co_await create_task(acquire(l));
        EXPECT_TRUE(l.locked());
        EXPECT_FALSE(l.owner().valid());
        EXPECT_EQ(l.describe(), "a lock held by a task that has ended");
        words log;
        const auto next = create_task(hold(l, "next", log));
        co_await settle();
        l.release();
        EXPECT_EQ(l.describe(), "a lock that was just released");
        co_await next;
    });
}

TEST(lock, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        auto l = std::make_unique<lock>("db");
        words log;
        co_await l->acquire();
        const auto cancelled = create_task(hold(*l, "a", log));
        const auto granted = create_task(hold(*l, "b", log));
        const auto waiting = create_task(hold(*l, "c", log));
        co_await settle();
        cancelled.cancel();
        l->release();
        l.reset();
        granted.cancel();
        co_await settle();
        EXPECT_EQ(state(cancelled), "cancelled");
        const std::string error =
            "std::runtime_error: asyncio: the lock was destroyed while this task waited for it; it "
            "must outlive the tasks that use it";
        EXPECT_EQ(state(granted), error);
        EXPECT_EQ(state(waiting), error);
        EXPECT_EQ(log, words{});
    });
}

TEST(lock, reports_that_it_was_destroyed_while_another_task_held_it) {
    listening_loop loop;
    loop->run_until_complete([]() -> coroutine<> {
        auto l = std::make_unique<lock>("db");
        const auto worker = create_task(
            [](lock& held) -> coroutine<> {
                co_await held.acquire();
                co_await settle();
            },
            std::ref(*l));
        worker.set_name("worker");
        co_await rounds();
        l.reset();
        co_await worker;
        auto own = std::make_unique<lock>();
        co_await own->acquire();
    }());
    EXPECT_EQ(loop.reports,
              words{"Exception in the destructor of a lock: std::runtime_error: asyncio: lock 'db' "
                    "held by task 'worker' was destroyed; it must outlive the tasks that use it"});
}

TEST(lock, survives_a_loop_that_is_closed_while_tasks_wait) {
    listening_loop loop;
    lock l("db");
    words log;
    auto granted = loop->create_task(hold(l, "a", log, 100));
    auto waiting = loop->create_task(hold(l, "b", log, 100));
    auto third = loop->create_task(hold(l, "c", log, 100));
    loop->run_until_complete(rounds(3));
    granted = {};
    EXPECT_TRUE(l.locked());
    loop.close();
    EXPECT_FALSE(l.locked()) << "the guards were destroyed";
    EXPECT_EQ(log, words{"a"});
    EXPECT_EQ(state(waiting), "cancelled");
}

TEST(lock, refuses_tasks_of_another_loop_while_it_is_held) {
    const auto first = asyncio::new_event_loop();
    const auto second = asyncio::new_event_loop();
    lock l("db");
    words log;
    const auto holder = first->create_task(hold(l, "a", log, 5));
    first->run_until_complete(rounds(2));
    EXPECT_EQ(error_of([&] { second->run_until_complete(acquire(l)); }),
              "std::runtime_error: asyncio: lock 'db' held by task 'Task-1' belongs to another "
              "event loop; give each loop its own, and reach the other one with "
              "run_coroutine_threadsafe");
    first->run_until_complete(holder);
}

TEST(lock, can_be_awaited_again_with_the_same_awaiter) {
    run([]() -> coroutine<> {
        lock l;
        words log;
        auto again = l.acquire();
        co_await again;
        const auto other = create_task(hold(l, "other", log));
        co_await settle();
        l.release();
        co_await again;
        EXPECT_EQ(log, words{"other"});
        l.release();
        co_await again;
        l.release();
    });
}

}  // namespace lock_test
