#include "asyncio/sync/guard.hpp"

#include <type_traits>

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
              "unlocked or moved from");
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

}  // namespace guard_test
