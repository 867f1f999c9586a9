// An awaiter that has a name: awaited again, and by two tasks.
#include "asyncio/sync/barrier.hpp"
#include "asyncio/sync/condition.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/queue.hpp"
#include "asyncio/sync/semaphore.hpp"
#include "room.hpp"

namespace awaiter_test {

using namespace room;

template <class A>
coroutine<> use(A& awaiter) {
    (void)co_await awaiter;
}

/// Two tasks wait with one awaiter: the second one is told so, and the first one is not lost.
template <class A, class Release>
coroutine<> share(A awaiter, Release release) {
    const auto first = create_task(use(awaiter));
    const auto second = create_task(use(awaiter));
    co_await settle();
    EXPECT_EQ(state(first), "pending");
    EXPECT_EQ(state(second),
              "std::runtime_error: asyncio: another task is waiting with this awaiter already: let "
              "each task make its own, as in co_await l.acquire()");
    release();
    co_await asyncio::sleep(1ms);
    EXPECT_EQ(state(first), "done");
}

TEST(awaiter, is_for_one_task_at_a_time) {
    run([]() -> coroutine<> {
        asyncio::lock l;
        co_await l.acquire();
        co_await share(l.acquire(), [&] { l.release(); });
        asyncio::semaphore s(0);
        co_await share(s.acquire(), [&] { s.release(); });
        asyncio::event e;
        co_await share(e.wait(), [&] { e.set(); });
        asyncio::queue<int> q(1);
        co_await share(q.get(), [&] { q.put_nowait(1); });
        q.put_nowait(1);
        co_await share(q.put(2), [&] { q.get_nowait(); });
        co_await share(q.join(), [&] {
            for (int i = 0; i < 3; ++i) q.task_done();
        });
        asyncio::barrier b(2);
        std::vector<task<>> other;
        const auto come = [](asyncio::barrier& at) -> coroutine<> { co_await at.wait(); };
        co_await share(b.wait(), [&] { other.push_back(create_task(come(b))); });
        co_await share(asyncio::sleep(1ms), [] {});
    });
}

TEST(awaiter, of_a_condition_is_for_one_task_at_a_time) {
    run([]() -> coroutine<> {
        asyncio::condition c;
        auto awaiter = c.wait();
        const auto waits = [](asyncio::condition& on, auto& a) -> coroutine<> {
            const auto held = co_await on.scoped_acquire();
            co_await a;
        };
        const auto first = create_task(waits(c, awaiter));
        const auto second = create_task(waits(c, awaiter));
        co_await settle();
        EXPECT_EQ(state(first), "pending");
        EXPECT_TRUE(state(second).starts_with("std::runtime_error: asyncio: another task"));
        co_await c.acquire();
        c.notify_all();
        c.release();
        co_await settle();
        EXPECT_EQ(state(first), "done");
    });
}

TEST(awaiter, may_be_awaited_again) {
    run([]() -> coroutine<> {
        asyncio::semaphore s(0);
        auto place = s.acquire();
        for (int i = 0; i < 3; ++i) {
            const auto waits = create_task(use(place));
            co_await settle();
            s.release();
            co_await waits;
        }
        s.release();
        co_await place;
        EXPECT_TRUE(s.locked());
        const auto cancelled = create_task(use(place));
        co_await settle();
        cancelled.cancel();
        co_await settle();
        EXPECT_EQ(state(cancelled), "cancelled");
        s.release();
        co_await place;
    });
}

}  // namespace awaiter_test
