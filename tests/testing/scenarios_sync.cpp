#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/sync/barrier.hpp"
#include "asyncio/sync/condition.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/queue.hpp"
#include "asyncio/sync/semaphore.hpp"
#include "asyncio/testing/simulate.hpp"
#include "testing/scenarios.hpp"

namespace scenarios {

namespace {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::sleep;
using asyncio::testing::expect;

/// What a program leaves behind: everything that was taken must have been given back.
struct books {
    int held = 0;  ///< locks and permits
    int most_held = 0;
    int made = 0;  ///< items that got into a queue
    int taken = 0;
    int left = 0;
};
books now;

void balanced() {
    if (now.held != 0) throw std::runtime_error("held at the end: " + std::to_string(now.held));
    if (now.made != now.taken + now.left)
        throw std::runtime_error("items: " + std::to_string(now.made) + " made, " +
                                 std::to_string(now.taken) + " taken, " + std::to_string(now.left) +
                                 " left");
}

/// Tasks that use a local may not outlive it, whatever goes wrong: they run in a group.
template <class Body>
coroutine<> in_group(Body& body) {
    asyncio::task_group group;
    co_await asyncio::wait_for(asyncio::with(group, std::ref(body)), patience);
}

struct holding {
    holding() { now.most_held = std::max(now.most_held, ++now.held); }
    holding(const holding&) = delete;
    holding& operator=(const holding&) = delete;
    ~holding() { --now.held; }
};

template <class Guarded>
coroutine<> uses_once(Guarded& g) {
    const auto guard = co_await g.scoped_acquire();
    const holding h;
    co_await sleep(1ms);
}

template <class Guarded>
coroutine<> uses_three_times(Guarded& g) {
    for (int i = 0; i < 3; ++i) {
        co_await uses_once(g);
        co_await sleep(0s);
    }
}

coroutine<> contends_for_a_lock() {
    now = {};
    asyncio::lock l;
    auto body = [&l](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 3; ++i) g.create_task(uses_three_times<asyncio::lock>, std::ref(l));
        co_return;
    };
    co_await in_group(body);
    expect(now.most_held == 1 && !l.locked());
}

coroutine<> gives_a_lock_up() {
    now = {};
    asyncio::lock l;
    auto body = [&l](asyncio::task_group& g) -> coroutine<> {
        g.create_task(uses_three_times<asyncio::lock>, std::ref(l));
        for (int i = 0; i < 3; ++i) {
            try {
                co_await asyncio::wait_for(uses_once(l), 1500us);
            } catch (const asyncio::timeout_error&) {
            }
        }
    };
    co_await in_group(body);
    expect(!l.locked());
}

coroutine<> locks_by_hand() {
    now = {};
    asyncio::lock l;
    auto body = [&l](asyncio::task_group& g) -> coroutine<> {
        g.create_task(uses_once<asyncio::lock>, std::ref(l));
        co_await sleep(0s);
        co_await l.acquire();
        expect(l.locked());
        l.release();
    };
    co_await in_group(body);
}

coroutine<> contends_for_permits() {
    now = {};
    asyncio::semaphore s(2);
    auto body = [&s](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 5; ++i)
            g.create_task(uses_three_times<asyncio::semaphore>, std::ref(s));
        co_return;
    };
    co_await in_group(body);
    expect(now.most_held <= 2 && !s.locked());
}

coroutine<> gives_permits_up() {
    now = {};
    asyncio::bounded_semaphore s(2);
    auto body = [&s](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 2; ++i)
            g.create_task(uses_three_times<asyncio::bounded_semaphore>, std::ref(s));
        for (int i = 0; i < 3; ++i) {
            try {
                co_await asyncio::wait_for(uses_once(s), 500us);
            } catch (const asyncio::timeout_error&) {
            }
        }
    };
    co_await in_group(body);
    expect(!s.locked());
}

coroutine<> sets_an_event(asyncio::event& e) {
    co_await sleep(1ms);
    e.set();
    e.clear();
}
coroutine<> waits_for_an_event(asyncio::event& e, int& woken) {
    co_await e.wait();
    ++woken;
}
coroutine<> wakes_everybody() {
    now = {};
    asyncio::event e;
    int woken = 0;
    auto body = [&](asyncio::task_group& g) -> coroutine<> {
        g.create_task(waits_for_an_event, std::ref(e), std::ref(woken));
        g.create_task(waits_for_an_event, std::ref(e), std::ref(woken));
        co_await sets_an_event(e);
        // A waiter that a seed has started late is woken, too.
        for (int i = 0; i < 1000 && woken < 2; ++i) co_await sets_an_event(e);
    };
    co_await in_group(body);
    expect_work(woken == 2);
}

coroutine<> gives_an_event_up() {
    now = {};
    asyncio::event e;
    try {
        co_await asyncio::wait_for(e.wait(), 1ms);
    } catch (const asyncio::timeout_error&) {
    }
    e.set();
    co_await e.wait();
}

struct store {
    asyncio::condition changed;
    int items = 0;
};
coroutine<> takes_from_store(store& s) {
    const auto guard = co_await s.changed.scoped_acquire();
    const holding h;
    while (s.items == 0) {
        --now.held;  // waiting gives the lock away, and takes it back however it ends
        struct back {
            ~back() { ++now.held; }
        } b;
        co_await s.changed.wait();
    }
    --s.items;
}
coroutine<> puts_into_store(store& s, int n) {
    for (int i = 0; i < n; ++i) {
        co_await sleep(1ms);
        const auto guard = co_await s.changed.scoped_acquire();
        const holding h;
        ++s.items;
        s.changed.notify();
    }
}
coroutine<> waits_for_a_condition() {
    now = {};
    store s;
    auto body = [&s](asyncio::task_group& g) -> coroutine<> {
        g.create_task(takes_from_store, std::ref(s));
        g.create_task(takes_from_store, std::ref(s));
        co_await puts_into_store(s, 2);
    };
    co_await in_group(body);
    expect(now.most_held <= 1);
    expect_work(s.items == 0);
}

coroutine<> gives_a_condition_up() {
    now = {};
    store s;
    auto body = [&s](asyncio::task_group& g) -> coroutine<> {
        g.create_task(puts_into_store, std::ref(s), 3);
        int taken = 0;
        while (taken < 3) {
            try {
                co_await asyncio::wait_for(takes_from_store(s), 700us);
                ++taken;
            } catch (const asyncio::timeout_error&) {
            }
        }
    };
    co_await in_group(body);
    expect(s.items == 0);
}

coroutine<> meets(asyncio::barrier& b, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        co_await sleep(1ms * i);
        (void)co_await b.wait();
    }
}
coroutine<> meets_at_a_barrier() {
    now = {};
    asyncio::barrier b(3);
    auto body = [&b](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 3; ++i) g.create_task(meets, std::ref(b), 3);
        co_return;
    };
    co_await in_group(body);
}

/// A consumer that is cancelled while it has an item puts it back to the books.
template <class Queue>
coroutine<> consumes(Queue& q, int n) {
    for (int i = 0; i < n; ++i) {
        (void)co_await q.get();
        ++now.taken;
        q.task_done();
        co_await sleep(0s);
    }
}
template <class Queue>
coroutine<> produces(Queue& q, int n) {
    for (int i = 0; i < n; ++i) {
        co_await q.put(i);
        ++now.made;
        if (i % 2 == 0) co_await sleep(0s);
    }
}
/// Counts what is left, however the program ends.
template <class Queue>
struct inventory {
    explicit inventory(Queue& of) : q(of) {}
    inventory(const inventory&) = delete;
    inventory& operator=(const inventory&) = delete;
    ~inventory() { now.left = static_cast<int>(q.qsize()); }
    Queue& q;
};

template <class Queue>
coroutine<> hands_items_over(std::size_t room) {
    now = {};
    Queue q(room);
    const inventory<Queue> at_end(q);
    auto body = [&q](asyncio::task_group& g) -> coroutine<> {
        g.create_task(produces<Queue>, std::ref(q), 6);
        g.create_task(consumes<Queue>, std::ref(q), 3);
        g.create_task(consumes<Queue>, std::ref(q), 3);
        co_return;
    };
    co_await in_group(body);
    co_await asyncio::wait_for(q.join(), patience);
    expect(now.taken == 6);
}
coroutine<> queue_of_one() { co_await hands_items_over<asyncio::queue<int>>(1); }
coroutine<> queue_of_many() { co_await hands_items_over<asyncio::queue<int>>(0); }
coroutine<> queue_of_two_lifo() { co_await hands_items_over<asyncio::lifo_queue<int>>(2); }
coroutine<> queue_of_priorities() { co_await hands_items_over<asyncio::priority_queue<int>>(2); }

coroutine<> gives_a_get_up() {
    now = {};
    asyncio::queue<int> q(2);
    const inventory<asyncio::queue<int>> at_end(q);
    auto body = [&q](asyncio::task_group& g) -> coroutine<> {
        g.create_task(produces<asyncio::queue<int>>, std::ref(q), 4);
        while (now.taken < 4) {
            try {
                (void)co_await asyncio::wait_for(q.get(), 1ms);
                ++now.taken;
            } catch (const asyncio::timeout_error&) {
            }
        }
    };
    co_await in_group(body);
}

coroutine<> gives_a_put_up() {
    now = {};
    asyncio::queue<int> q(1);
    const inventory<asyncio::queue<int>> at_end(q);
    for (int i = 0; i < 3; ++i) {
        try {
            co_await asyncio::wait_for(q.put(i), 1ms);
            ++now.made;
        } catch (const asyncio::timeout_error&) {
        }
    }
    expect(q.qsize() <= 1);
}

coroutine<> drains(asyncio::queue<int>& q) {
    try {
        for (;;) {
            (void)co_await q.get();
            ++now.taken;
        }
    } catch (const asyncio::queue_shut_down&) {
    }
}
coroutine<> shuts_a_queue_down() {
    now = {};
    asyncio::queue<int> q(2);
    const inventory<asyncio::queue<int>> at_end(q);
    auto body = [&q](asyncio::task_group& g) -> coroutine<> {
        g.create_task(drains, std::ref(q));
        g.create_task(drains, std::ref(q));
        co_await produces(q, 5);
        q.shutdown();
    };
    co_await in_group(body);
    expect(now.taken == 5);
}

coroutine<> shuts_a_queue_down_at_once() {
    now = {};
    asyncio::queue<int> q(1);
    auto body = [&q](asyncio::task_group& g) -> coroutine<> {
        g.create_task(drains, std::ref(q));
        co_await sleep(1ms);
        q.shutdown_immediate();
    };
    co_await in_group(body);
    expect(q.empty() && now.taken == 0);
}

coroutine<> breaks_a_barrier() {
    now = {};
    asyncio::barrier b(3);
    int broken = 0;
    const auto waits = [&]() -> coroutine<> {
        try {
            (void)co_await b.wait();
        } catch (const asyncio::broken_barrier_error&) {
            ++broken;
        }
    };
    auto body = [&](asyncio::task_group& g) -> coroutine<> {
        g.create_task(std::ref(waits));
        g.create_task(std::ref(waits));
        co_await sleep(1ms);
        co_await b.abort();
    };
    co_await in_group(body);
    expect_work(broken == 2);
}

coroutine<> counts_permits() {
    now = {};
    asyncio::bounded_semaphore s(2);
    auto body = [&s](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 4; ++i)
            g.create_task(uses_once<asyncio::bounded_semaphore>, std::ref(s));
        co_return;
    };
    co_await in_group(body);
    expect(now.most_held <= 2 && !s.locked());
}

}  // namespace

std::span<const scenario> of_sync() {
    static constexpr scenario all[] = {
        {"shuts a queue down at once", shuts_a_queue_down_at_once, balanced},
        {"breaks a barrier", breaks_a_barrier, balanced},
        {"counts permits", counts_permits, balanced},
        {"contends for a lock", contends_for_a_lock, balanced},
        {"gives a lock up", gives_a_lock_up, balanced},
        {"locks by hand", locks_by_hand, balanced},
        {"contends for permits", contends_for_permits, balanced},
        {"gives permits up", gives_permits_up, balanced},
        {"wakes everybody", wakes_everybody, balanced},
        {"gives an event up", gives_an_event_up, balanced},
        {"waits for a condition", waits_for_a_condition, balanced},
        {"gives a condition up", gives_a_condition_up, balanced},
        {"meets at a barrier", meets_at_a_barrier, balanced},
        {"queue of one", queue_of_one, balanced},
        {"queue of many", queue_of_many, balanced},
        {"queue of two, last in first out", queue_of_two_lifo, balanced},
        {"queue of priorities", queue_of_priorities, balanced},
        {"gives a get up", gives_a_get_up, balanced},
        {"gives a put up", gives_a_put_up, balanced},
        {"shuts a queue down", shuts_a_queue_down, balanced},
    };
    return all;
}

}  // namespace scenarios
