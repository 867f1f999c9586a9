#include "asyncio/sync/condition.hpp"

#include <functional>

#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "room.hpp"

namespace condition_test {

using namespace room;
using asyncio::condition;
using asyncio::lock;

coroutine<> wait(condition& c, std::string name, words& log) {
    const auto held = co_await c.scoped_acquire();
    co_await c.wait();
    log.push_back(std::move(name));
}

/// Keeps the lock when it ends.
coroutine<> wait_and_keep(condition& c, std::string name, words& log) {
    co_await c.acquire();
    co_await c.wait();
    log.push_back(std::move(name));
}

TEST(condition, holds_the_lock_again_when_it_returns) {  // test_wait
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto a = create_task(wait_and_keep(c, "a", log));
        const auto b = create_task(wait_and_keep(c, "b", log));
        const auto d = create_task(wait_and_keep(c, "d", log));
        co_await rounds();
        EXPECT_FALSE(c.locked());
        co_await c.acquire();
        c.notify();
        co_await rounds();
        EXPECT_EQ(log, words{}) << "the lock is held";
        c.release();
        co_await rounds();
        EXPECT_EQ(log, words{"a"});
        EXPECT_TRUE(c.locked());
        c.notify(2);
        co_await rounds();
        EXPECT_EQ(log, words{"a"});
        c.release();
        co_await rounds();
        EXPECT_EQ(log, (words{"a", "b"}));
        c.release();
        co_await rounds();
        EXPECT_EQ(log, (words{"a", "b", "d"}));
        c.release();
    });
}

TEST(condition, wakes_in_order_and_all_in_one_round) {  // S138, test_notify, test_notify_all
    run([]() -> coroutine<> {
        condition c;
        words log;
        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c", "d"})
            tasks.push_back(create_task(wait(c, name, log)));
        co_await settle();
        {
            const auto held = co_await c.scoped_acquire();
            c.notify(2);
        }
        co_await rounds();
        EXPECT_EQ(log, (words{"a", "b"}));
        {
            const auto held = co_await c.scoped_acquire();
            c.notify();
            c.notify_all();
            c.notify(2048);
        }
        co_await rounds();
        EXPECT_EQ(log, (words{"a", "b", "c", "d"}));
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, refuses_to_work_without_the_lock) {  // S139
    run([]() -> coroutine<> {
        condition c("changed");
        const std::string how = co_await ending(c.wait());
        EXPECT_EQ(how,
                  "std::runtime_error: asyncio: wait() of condition 'changed' whose lock is not "
                  "held: acquire() it first, or use scoped_acquire()");
        EXPECT_EQ(error_of([&] { c.notify(); }).substr(0, 63),
                  "std::runtime_error: asyncio: notify() of condition 'changed' wh");
        EXPECT_EQ(error_of([&] { c.notify_all(); }).substr(0, 63),
                  "std::runtime_error: asyncio: notify_all() of condition 'changed");
    });
}

TEST(condition, that_is_cancelled_holds_the_lock_again_first) {  // S137, test_wait_cancel
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto t = create_task(
            [](condition& cond, words& heard) -> coroutine<> {
                co_await cond.acquire();
                try {
                    co_await cond.wait();
                } catch (const asyncio::cancelled_error& e) {
                    heard.push_back("cancelled: " + std::string(e.message()));
                    heard.push_back(cond.locked() ? "locked" : "not locked");
                    cond.release();
                    throw;
                }
            },
            std::ref(c), std::ref(log));
        co_await settle();
        co_await c.acquire();
        t.cancel("the reason");
        co_await settle();
        EXPECT_EQ(log, words{}) << "it waits for the lock";
        c.release();
        co_await settle();
        EXPECT_EQ(log, (words{"cancelled: the reason", "locked"}));
        EXPECT_EQ(state(t), "cancelled");
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, throws_the_last_of_several_cancels_once) {  // S137, S49
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto t = create_task(
            [](condition& cond, words& heard) -> coroutine<> {
                const auto held = co_await cond.scoped_acquire();
                const std::string how = co_await ending(cond.wait());
                heard.push_back(how);
                co_await asyncio::sleep(0s);
                heard.push_back("goes on");
            },
            std::ref(c), std::ref(log));
        co_await settle();
        co_await c.acquire();
        t.cancel("first");
        t.cancel("second");
        co_await rounds();
        t.cancel("third");
        co_await rounds();
        c.release();
        t.cancel("fourth");
        co_await settle();
        EXPECT_EQ(log, (words{"cancelled: fourth", "goes on"}));
        EXPECT_EQ(t.cancelling(), 4u);
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, passes_a_notification_on_if_the_notified_task_is_cancelled) {  // S138
    run([]() -> coroutine<> {  // test_cancelled_wakeup
        condition c;
        words log;
        const auto a = create_task(wait(c, "a", log));
        const auto b = create_task(wait(c, "b", log));
        co_await settle();
        {
            const auto held = co_await c.scoped_acquire();
            c.notify(1);
            a.cancel();
        }
        co_await settle();
        EXPECT_EQ(log, words{"b"});
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, passes_a_notification_on_also_from_the_line_for_the_lock) {  // S138
    run([]() -> coroutine<> {  // test_cancelled_wakeup_relock
        condition c;
        words log;
        const auto a = create_task(wait(c, "a", log));
        const auto b = create_task(wait(c, "b", log));
        co_await settle();
        {
            const auto held = co_await c.scoped_acquire();
            c.notify(1);
            co_await rounds(2);
            auto& s = static_cast<asyncio::detail::task_state_base&>(*a.state());
            EXPECT_EQ(s.waiting_on->describe().substr(0, 17), "a lock held by ta");
            EXPECT_NE(s.waiting_on->owner(), nullptr);
            a.cancel();
        }
        co_await settle();
        EXPECT_EQ(log, words{"b"});
        EXPECT_EQ(state(a), "cancelled");
    });
}

TEST(condition, passes_a_notification_on_when_the_lock_was_granted_already) {  // S138
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto a = create_task(wait(c, "a", log));
        const auto b = create_task(wait(c, "b", log));
        co_await settle();
        co_await c.acquire();
        c.notify(1);
        co_await rounds(2);
        c.release();
        a.cancel("late");
        co_await settle();
        EXPECT_EQ(log, words{"b"});
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, wakes_nobody_for_a_cancel_that_took_no_notification) {
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto a = create_task(wait(c, "a", log));
        const auto b = create_task(wait(c, "b", log));
        co_await settle();
        a.cancel();
        co_await settle();
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_EQ(state(b), "pending");
        EXPECT_EQ(log, words{});
        b.cancel();
        co_await settle();
    });
}

TEST(condition, takes_a_cancel_before_the_start_and_one_that_is_pending) {
    run([]() -> coroutine<> {
        condition c;
        words log;
        const auto before_start = create_task(wait(c, "a", log));
        before_start.cancel();
        const auto pending = create_task(
            [](condition& cond) -> coroutine<> {
                const auto held = co_await cond.scoped_acquire();
                asyncio::current_task().cancel();
                co_await cond.wait();
            },
            std::ref(c));
        co_await settle();
        EXPECT_EQ(state(before_start), "cancelled");
        EXPECT_EQ(state(pending), "cancelled");
        EXPECT_FALSE(c.locked());
    });
}

TEST(condition, waits_for_a_predicate) {  // S138, test_wait_for
    run([]() -> coroutine<> {
        condition c;
        std::vector<int> items;
        const auto t = create_task(
            [](condition& cond, std::vector<int>& seen) -> coroutine<int> {
                const auto held = co_await cond.scoped_acquire();
                const auto enough = [&seen] { return seen.size() >= 2 ? &seen : nullptr; };
                const std::vector<int>* result = co_await cond.wait_for(enough);
                co_return static_cast<int>(result->size());
            },
            std::ref(c), std::ref(items));
        for (int i = 0; i < 3; ++i) {
            co_await settle();
            const auto held = co_await c.scoped_acquire();
            items.push_back(i);
            c.notify();
        }
        const int size = co_await t;
        EXPECT_EQ(size, 2);
    });
}

bool at_least(const int& value, int limit) { return value >= limit; }

TEST(condition, asks_the_predicate_first) {  // test_wait_for_unacquired
    run([]() -> coroutine<> {
        condition c;
        int value = 3;
        const auto suspended = co_await rounds_of(c.wait_for(at_least, std::ref(value), 3));
        EXPECT_EQ(suspended, 0u) << "it is true at once, so the lock is not asked for";
        const std::string how = co_await ending(c.wait_for([] { return false; }));
        EXPECT_EQ(how.substr(0, 42), "std::runtime_error: asyncio: wait() of a c");
    });
    condition c;
    std::function<bool()> nothing;
    EXPECT_NE(error_of([&] { (void)c.wait_for(nothing); }), "");
}

TEST(condition, lets_the_predicate_throw) {
    run([]() -> coroutine<> {
        condition c;
        const auto held = co_await c.scoped_acquire();
        const auto failing = []() -> bool { throw std::runtime_error("no idea"); };
        const std::string how = co_await ending(c.wait_for(failing));
        EXPECT_EQ(how, "std::runtime_error: no idea");
        EXPECT_TRUE(c.locked());
    });
}

TEST(condition, holds_the_lock_again_before_a_timeout_is_raised) {  // S100, test_timeout_in_block
    run([]() -> coroutine<> {
        condition c;
        const auto held = co_await c.scoped_acquire();
        const std::string how = co_await ending(asyncio::wait_for(c.wait(), 1ms));
        EXPECT_EQ(how.substr(0, 22), "asyncio::timeout_error");
        EXPECT_TRUE(c.locked());
    });
}

TEST(condition, shares_a_lock) {  // test_explicit_lock
    run([]() -> coroutine<> {
        lock l;
        condition c(l);
        condition other(l, "other");
        EXPECT_EQ(other.name(), "other");
        EXPECT_EQ(c.describe(), "a condition");
        co_await c.acquire();
        EXPECT_TRUE(l.locked());
        EXPECT_TRUE(other.locked());
        other.release();
        EXPECT_FALSE(c.locked());
        const auto body = [&l](condition& inside) -> coroutine<> {
            EXPECT_TRUE(inside.locked());
            EXPECT_TRUE(l.locked());
            co_return;
        };
        co_await asyncio::with(c, body);
        EXPECT_FALSE(l.locked());
        co_await c.enter();
        c.exit();
        EXPECT_FALSE(l.locked());
    });
}

TEST(condition, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        lock l;
        auto c = std::make_unique<condition>(l);
        words log;
        const auto parked = [](lock& mine, condition& cond) -> coroutine<> {
            co_await mine.acquire();
            co_await cond.wait();
        };
        const auto notified = create_task(parked, std::ref(l), std::ref(*c));
        const auto cancelled = create_task(parked, std::ref(l), std::ref(*c));
        const auto waiting = create_task(parked, std::ref(l), std::ref(*c));
        const auto in_line = create_task(parked, std::ref(l), std::ref(*c));
        co_await settle();
        co_await l.acquire();
        c->notify();
        cancelled.cancel();
        c.reset();
        waiting.cancel();
        l.release();
        co_await settle();
        const std::string error =
            "std::runtime_error: asyncio: the condition was destroyed while this task waited for "
            "it; it must outlive the tasks that use it";
        EXPECT_EQ(state(notified), error);
        EXPECT_EQ(state(cancelled), error);
        EXPECT_EQ(state(waiting), error);
        EXPECT_EQ(state(in_line), error);
    });
}

TEST(condition, may_die_once_everybody_was_notified_and_waits_for_another_lock) {
    run([]() -> coroutine<> {
        lock l;
        auto c = std::make_unique<condition>(l);
        words log;
        const auto t = create_task(wait(*c, "a", log));
        co_await settle();
        co_await l.acquire();
        c->notify();
        co_await settle();
        c.reset();
        l.release();
        co_await settle();
        EXPECT_EQ(log, words{"a"});
        EXPECT_EQ(state(t), "done");
        EXPECT_FALSE(l.locked());
    });
}

TEST(condition, survives_a_loop_that_is_closed_while_tasks_wait) {
    listening_loop loop;
    condition c;
    words log;
    for (const char* name : {"parked", "notified", "in line", "cancelled"})
        loop->create_task(wait(c, name, log));
    loop->run_until_complete([](condition& cond) -> coroutine<> {
        co_await settle();
        co_await cond.acquire();
        cond.notify(2);
        co_await settle();
        asyncio::all_tasks()[3].cancel();
    }(c));
    c.release();
    loop.close();
    EXPECT_EQ(log, words{});
    EXPECT_EQ(loop.reports, words(4, "Task was destroyed but it is pending!"));
}

}  // namespace condition_test
