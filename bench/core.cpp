// The clockwork, workload by workload: bench_core [W1..W11]. docs/benchmarks.md shows it beside
// floors and peers.
#include <asyncio/asyncio.hpp>
#include <atomic>
#include <thread>
#include <vector>

#include "harness.hpp"

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::task;

namespace {

// W1: await a coroutine that is ready.
[[gnu::noinline]] coroutine<int> ready(int i) { co_return i; }

coroutine<> await_ready(long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await ready(static_cast<int>(i & 1));
    bench::keep(sum);
}

// W2: spawn 1000 tasks and gather them.
coroutine<> spawn_and_gather(int rounds) {
    for (int r = 0; r < rounds; ++r) {
        std::vector<task<int>> tasks;
        tasks.reserve(1000);
        for (int i = 0; i < 1000; ++i) tasks.push_back(create_task(ready(i)));
        const std::vector<int> results = co_await asyncio::gather(std::move(tasks));
        bench::keep(results.back());
    }
}

// W3: switch between tasks that only yield.
coroutine<> yield_often(long n) {
    for (long i = 0; i < n; ++i) co_await asyncio::sleep(0s);
}

coroutine<> switch_between(int tasks, long total) {
    std::vector<task<>> all;
    for (int i = 0; i < tasks; ++i) all.push_back(create_task(yield_often(total / tasks)));
    co_await asyncio::gather(std::move(all));
}

// W4: 100,000 timers over half a second.
coroutine<> sleep_for(std::chrono::milliseconds d, double* latest_us) {
    const auto due = asyncio::get_running_loop().time() + d;
    co_await asyncio::sleep(d);
    const std::chrono::duration<double, std::micro> late = asyncio::get_running_loop().time() - due;
    *latest_us = std::max(*latest_us, late.count());
}

coroutine<double> many_timers(int n) {
    bench::delays delays;
    double latest_us = 0;
    std::vector<task<>> all;
    for (int i = 0; i < n; ++i) all.push_back(create_task(sleep_for(delays.next(), &latest_us)));
    co_await asyncio::gather(std::move(all));
    co_return latest_us;
}

// W5: wait_for around an operation that completes in the next round.
coroutine<int> next_round() {
    co_await asyncio::sleep(0s);
    co_return 1;
}

coroutine<> wait_for_often(long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await asyncio::wait_for(next_round(), 1s);
    bench::keep(sum);
}

// W6: cancel a waiting task and await it.
coroutine<> forever() { co_await asyncio::sleep(std::nullopt); }

coroutine<> cancel_and_catch(long n) {
    long caught = 0;
    for (long i = 0; i < n; ++i) {
        auto t = create_task(forever());
        co_await asyncio::sleep(0s);
        t.cancel();
        try {
            co_await t;
        } catch (const asyncio::cancelled_error&) {
            ++caught;
        }
    }
    if (caught != n) std::abort();
}

// Takes its cancel as an outcome, too: nothing is thrown.
coroutine<bool> forever_as_outcome() {
    const auto how = co_await asyncio::as_outcome(asyncio::sleep(std::nullopt));
    co_return how.cancelled();
}

bool was_cancelled(const asyncio::outcome<>& ended) { return ended.cancelled(); }
bool was_cancelled(const asyncio::outcome<bool>& ended) { return ended.value(); }

template <class Victim>
coroutine<> cancel_as_outcome(Victim victim, long n) {
    long cancelled = 0;
    for (long i = 0; i < n; ++i) {
        auto t = create_task(victim());
        co_await asyncio::sleep(0s);
        t.cancel();
        const auto how = co_await asyncio::as_outcome(t);
        if (was_cancelled(how)) ++cancelled;
    }
    if (cancelled != n) std::abort();
}

// W7: a queue between a producer and a consumer.
coroutine<> produce(asyncio::queue<int>& q, long n) {
    for (long i = 0; i < n; ++i) co_await q.put(static_cast<int>(i & 1));
}

coroutine<> consume(asyncio::queue<int>& q, long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await q.get();
    bench::keep(sum);
}

coroutine<> through_queue(std::size_t capacity, long n) {
    asyncio::queue<int> q(capacity);
    auto consumer = create_task(consume(q, n));
    auto producer = create_task(produce(q, n));
    co_await consumer;
    co_await producer;
}

// W8: callbacks from another thread.
double post_burst(long n) {
    const auto loop = asyncio::new_event_loop();
    long arrived = 0;
    std::atomic<bool> go{false};
    std::thread poster([&] {
        while (!go.load()) std::this_thread::yield();
        for (long i = 0; i < n; ++i)
            loop->call_soon_threadsafe([&arrived, n, &loop] {
                if (++arrived == n) loop->stop();
            });
    });
    const double start = bench::now_ns();
    go.store(true);
    loop->run_forever();
    const double each = (bench::now_ns() - start) / static_cast<double>(n);
    poster.join();
    return each;
}

coroutine<double> thread_round_trips(int n) {
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
        const double start = bench::now_ns();
        co_await asyncio::to_thread([] {});
        times.push_back(bench::now_ns() - start);
    }
    std::sort(times.begin(), times.end());
    co_return times[times.size() / 2];
}

// W9: memory of a sleeping task.
coroutine<> sleep_long() { co_await asyncio::sleep(1000s); }

coroutine<double> bytes_per_task(long n) {
    const double before = bench::resident_bytes();
    for (long i = 0; i < n; ++i) create_task(sleep_long());
    co_await asyncio::sleep(0s);
    co_await asyncio::sleep(0s);
    co_return (bench::resident_bytes() - before) / static_cast<double>(n);
}

// W10: deep chains, and an exception through ten levels.
[[gnu::noinline]] coroutine<int> deep(int n) {
    if (n == 0) co_return 0;
    co_return 1 + co_await deep(n - 1);
}

coroutine<> deep_often(int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) sum += co_await deep(1000);
    bench::keep(sum);
}

[[gnu::noinline]] coroutine<int> throw_at_the_bottom(int n) {
    if (n == 0) throw 42;
    co_return 1 + co_await throw_at_the_bottom(n - 1);
}

coroutine<> throw_often(int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) {
        try {
            sum += co_await throw_at_the_bottom(10);
        } catch (int e) {
            sum += e;
        }
    }
    bench::keep(sum);
}

// W11: a lock that nobody else wants.
coroutine<> lock_often(long n) {
    asyncio::lock l;
    for (long i = 0; i < n; ++i) {
        co_await l.acquire();
        l.release();
    }
}

}  // namespace

int main(int argc, char** argv) {
    bench::start(argc, argv);
    bench::run("W1_await_ready", 1e7, [] { asyncio::run(await_ready(10'000'000)); });
    bench::run("W2_spawn_join", 1e6, [] { asyncio::run(spawn_and_gather(1000)); });
    bench::run("W3_switch_2", 1e7, [] { asyncio::run(switch_between(2, 10'000'000)); });
    bench::run("W3_switch_1000", 1e7, [] { asyncio::run(switch_between(1000, 10'000'000)); });
    bench::run("W5_wait_for", 1e6, [] { asyncio::run(wait_for_often(1'000'000)); });
    bench::run("W6_cancel/throw", 2e5, [] { asyncio::run(cancel_and_catch(200'000)); });
    bench::run("W6_cancel/thrown_once", 2e5,
               [] { asyncio::run(cancel_as_outcome(&forever, 200'000)); });
    bench::run("W6_cancel/as_outcome", 2e5,
               [] { asyncio::run(cancel_as_outcome(&forever_as_outcome, 200'000)); });
    bench::run("W7_queue_1", 5e6, [] { asyncio::run(through_queue(1, 5'000'000)); });
    bench::run("W7_queue_64", 1e7, [] { asyncio::run(through_queue(64, 10'000'000)); });
    if (bench::wanted("W8")) {
        bench::report("W8_post_burst", bench::repeated([] { return post_burst(1'000'000); }));
        bench::report("W8_roundtrip_median",
                      bench::repeated([] { return asyncio::run(thread_round_trips(10'000)); }));
    }
    bench::run("W10_deep1000_per_level", 5e6, [] { asyncio::run(deep_often(5000)); });
    bench::run("W10_throw_depth10", 1e4, [] { asyncio::run(throw_often(10'000)); });
    bench::run("W11_lock", 1e7, [] { asyncio::run(lock_often(10'000'000)); });
    if (bench::wanted("W4")) {
        std::vector<double> latest;
        bench::report("W4_timers_cpu", bench::repeated([&latest] {
                          const double start = bench::cpu_ns();
                          latest.push_back(asyncio::run(many_timers(100'000)));
                          return (bench::cpu_ns() - start) / 1e5;
                      }));
        bench::report("W4_max_lateness", latest, "us");
    }
    // Last, because the allocator keeps the memory.
    if (bench::wanted("W9"))
        bench::report("W9_rss_per_task", {asyncio::run(bytes_per_task(1'000'000))}, "bytes");
}
