#include "asyncio/sync/guard.hpp"

#include <functional>
#include <stdexcept>
#include <type_traits>

#include "asyncio/compose/with.hpp"
#include "asyncio/sync/condition.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/semaphore.hpp"
#include "room.hpp"

namespace guard_test {

using namespace room;
using asyncio::guard;
using asyncio::lock;

static_assert(!std::is_copy_constructible_v<guard<lock>>);
static_assert(std::is_nothrow_move_constructible_v<guard<lock>>);
static_assert(std::is_nothrow_move_assignable_v<guard<lock>>);

TEST(guard, holds_nothing_by_default) {
    guard<lock> g;
    EXPECT_FALSE(g.owns_lock());
    EXPECT_FALSE(static_cast<bool>(g));
    EXPECT_EQ(error_of([&] { g.unlock(); }),
              "std::runtime_error: asyncio: unlock() of a guard that holds nothing: it was "
              "unlocked or moved from, or what it held was destroyed");
}

TEST(guard, unlocks_once) {
    run([]() -> coroutine<> {
        lock l;
        auto g = co_await l.scoped_acquire();
        EXPECT_TRUE(g.owns_lock());
        g.unlock();
        EXPECT_FALSE(l.locked());
        EXPECT_FALSE(g.owns_lock());
        EXPECT_NE(error_of([&] { g.unlock(); }), "");
    });
}

TEST(guard, takes_over_what_is_held_already) {
    run([]() -> coroutine<> {
        lock l;
        co_await l.acquire();
        {
            const guard<lock> g(l);
        }
        EXPECT_FALSE(l.locked());
    });
}

TEST(guard, moves) {
    run([]() -> coroutine<> {
        lock first;
        lock second;
        auto a = co_await first.scoped_acquire();
        auto b = co_await second.scoped_acquire();
        auto c = std::move(a);
        EXPECT_FALSE(a.owns_lock());  // NOLINT: that is the point
        EXPECT_TRUE(first.locked());
        c = std::move(b);
        EXPECT_FALSE(first.locked()) << "what it held before is released";
        EXPECT_TRUE(second.locked());
        auto& same = c;
        c = std::move(same);
        EXPECT_TRUE(second.locked());
    });
}

// ---- what it holds is destroyed first ----

template <class Lockable>
coroutine<> hold_until_cancelled(Lockable& l, words& log) {
    auto held = co_await l.scoped_acquire();
    try {
        co_await asyncio::sleep(std::nullopt);
    } catch (...) {
        auto moved = std::move(held);
        log.push_back(moved.owns_lock() ? "held" : "not held");
        throw;
    }
}

/// Its tasks hold `places` places of `l` and wait for more when it is destroyed.
template <class Lockable>
coroutine<> destroy_while_held(std::unique_ptr<Lockable> l, int places, words& log) {
    std::vector<task<>> tasks;
    for (int i = 0; i < places + 2; ++i)
        tasks.push_back(create_task(hold_until_cancelled<Lockable>, std::ref(*l), std::ref(log)));
    co_await settle();
    l.reset();
    co_await settle();
    for (int i = 0; i < places; ++i) tasks[static_cast<std::size_t>(i)].cancel();
    co_await settle();
    for (const task<>& t : tasks)
        log.push_back(t.cancelled() ? "cancelled" : asyncio::detail::describe(t.exception()));
}

TEST(guard, of_a_lock_that_is_destroyed_holds_nothing) {
    listening_loop loop;
    words log;
    loop->run_until_complete(destroy_while_held(std::make_unique<lock>("db"), 1, log));
    const std::string error =
        "std::runtime_error: asyncio: the lock was destroyed while this task waited for it; it "
        "must outlive the tasks that use it";
    EXPECT_EQ(log, (words{"not held", "cancelled", error, error}));
    EXPECT_EQ(loop.reports,
              words{"Exception in the destructor of a lock: std::runtime_error: asyncio: lock 'db' "
                    "held by task 'Task-2' was destroyed; it must outlive the tasks that use it"});
}

TEST(guard, of_a_semaphore_that_is_destroyed_holds_nothing) {
    listening_loop loop;
    words log;
    loop->run_until_complete(
        destroy_while_held(std::make_unique<asyncio::semaphore>(2, "db"), 2, log));
    const std::string error =
        "std::runtime_error: asyncio: the semaphore was destroyed while this task waited for it; "
        "it must outlive the tasks that use it";
    EXPECT_EQ(log, (words{"not held", "not held", "cancelled", "cancelled", error, error}));
    EXPECT_EQ(loop.reports,
              words{"Exception in the destructor of a semaphore: std::runtime_error: asyncio: "
                    "semaphore 'db' with 0 free was destroyed; it must outlive the tasks that use "
                    "it"});
}

TEST(guard, of_those_who_wait_for_a_condition_that_is_destroyed_holds_nothing) {
    run([]() -> coroutine<> {
        auto changed = std::make_unique<asyncio::condition>("changed");
        const auto wait = [&]() -> coroutine<> {
            const auto held = co_await changed->scoped_acquire();
            co_await changed->wait();
        };
        const auto a = create_task(wait);
        const auto b = create_task(wait);
        co_await settle();
        changed.reset();
        co_await settle();
        const std::string error =
            "std::runtime_error: asyncio: the condition was destroyed while this task waited for "
            "it; it must outlive the tasks that use it";
        EXPECT_EQ(state(a), error);
        EXPECT_EQ(state(b), error);
    });
}

TEST(guard, of_a_condition_that_is_destroyed_holds_nothing) {
    run([]() -> coroutine<> {
        lock l;
        auto changed = std::make_unique<asyncio::condition>(l);
        co_await changed->acquire();
        const guard<asyncio::condition> held(*changed);
        changed.reset();
        EXPECT_FALSE(held.owns_lock());
        EXPECT_TRUE(l.locked()) << "nobody has released it";
        l.release();
    });
}

TEST(guard, with_a_lock_that_is_destroyed_leaves_it_alone) {
    listening_loop loop;
    loop->run_until_complete([]() -> coroutine<> {
        auto l = std::make_unique<lock>("db");
        const auto user = create_task([&l]() -> coroutine<> {
            co_await asyncio::with(*l, [] { return asyncio::sleep(std::nullopt); });
        });
        co_await settle();
        EXPECT_TRUE(l->locked());
        l.reset();
        user.cancel();
        co_await settle();
        EXPECT_EQ(state(user), "cancelled");
    }());
}

// The end of a program that was written for a garbage collector: main dies before its tasks.
TEST(guard, of_a_task_that_outlives_main) {
    words log;
    EXPECT_EQ(error_of([&] {
                  run([&]() -> coroutine<> {
                      asyncio::semaphore two(2);
                      for (int i = 0; i < 4; ++i)
                          create_task(hold_until_cancelled<asyncio::semaphore>, std::ref(two),
                                      std::ref(log));
                      co_await settle();
                      throw std::runtime_error("main failed");
                  });
              }),
              "std::runtime_error: main failed");
    EXPECT_EQ(log, (words{"not held", "not held"}));
}

}  // namespace guard_test
