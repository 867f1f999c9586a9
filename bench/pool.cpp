// Calls in other processes, awaited on a loop. Beside it: peers/pool.py, Python's own.
//   P0  a small call in a thread, for comparison
//   P1  a small call and its result, one after the other
//   P2  1 MiB there and 1 MiB back
//   P3  small calls, 64 at a time, per call
//   P4  how much faster two processes are than one, on work that fills both cores
//   P5  a process that is killed: until the error is here; until the next call has its result
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <csignal>

#include "harness.hpp"

namespace {

int add(int a, int b) { return a + b; }
std::vector<double> back(std::vector<double> numbers) { return numbers; }
int die() { return std::raise(SIGKILL); }

/// Some 20 ms.
unsigned work(unsigned seed) {
    for (int i = 0; i < 20'000'000; ++i) seed = seed * 1664525u + 1013904223u;
    return seed;
}

double us_since(double start_ns) { return (bench::now_ns() - start_ns) / 1e3; }

template <class Executor>
asyncio::coroutine<> small_calls(const char* name, Executor& pool) {
    auto& loop = asyncio::get_running_loop();
    for (int i = 0; i < 200; ++i) co_await loop.run_in_executor(&pool, add, i, 1);
    std::vector<double> samples;
    for (int i = 0; i < 5000; ++i) {
        const double start = bench::now_ns();
        bench::keep(co_await loop.run_in_executor(&pool, add, i, 1));
        samples.push_back(us_since(start));
    }
    bench::report(name, samples, "us");
}

asyncio::coroutine<> large_calls(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    const std::vector<double> numbers((1 << 20) / sizeof(double), 1.5);
    std::vector<double> samples;
    for (int i = 0; i < 520; ++i) {
        const double start = bench::now_ns();
        const std::vector<double> result = co_await loop.run_in_executor(&pool, back, numbers);
        if (i >= 20) samples.push_back(us_since(start));
        bench::keep(result.size());
    }
    bench::report("P2_1MiB_each_way", samples, "us");
}

asyncio::coroutine<> calls_at_once(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    constexpr int at_once = 64;
    std::vector<double> samples;
    for (int round = 0; round < 100; ++round) {
        const double start = bench::now_ns();
        std::vector<asyncio::future<int>> calls;
        for (int i = 0; i < at_once; ++i) calls.push_back(loop.run_in_executor(&pool, add, i, 1));
        for (auto& call : calls) bench::keep(co_await call);
        samples.push_back(us_since(start) / at_once);
    }
    bench::report("P3_64_calls_at_once", samples, "us");
}

asyncio::coroutine<double> seconds_of_work(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    co_await loop.run_in_executor(&pool, work, 1u);
    const double start = bench::now_ns();
    std::vector<asyncio::future<unsigned>> calls;
    for (unsigned i = 0; i < 24; ++i) calls.push_back(loop.run_in_executor(&pool, work, i));
    for (auto& call : calls) bench::keep(co_await call);
    co_return (bench::now_ns() - start) / 1e9;
}

asyncio::coroutine<> deaths(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    std::vector<double> told;
    std::vector<double> replaced;
    for (int i = 0; i < 100; ++i) {
        const double start = bench::now_ns();
        try {
            co_await loop.run_in_executor(&pool, die);
        } catch (const asyncio::broken_process_pool&) {
            told.push_back(us_since(start));
        }
        bench::keep(co_await loop.run_in_executor(&pool, add, i, 1));
        replaced.push_back(us_since(start));
    }
    bench::report("P5_death_is_told", told, "us");
    bench::report("P5_and_replaced", replaced, "us");
}

}  // namespace

int main(int argc, char** argv) {
    bench::start(argc, argv);
    asyncio::process_pool_executor one(1);
    asyncio::process_pool_executor two(2);
    asyncio::thread_pool_executor thread(1);
    if (bench::wanted("P0")) asyncio::run(small_calls("P0_small_call_in_a_thread", thread));
    if (bench::wanted("P1")) asyncio::run(small_calls("P1_small_call", one));
    if (bench::wanted("P2")) asyncio::run(large_calls, std::ref(one));
    if (bench::wanted("P3")) asyncio::run(calls_at_once, std::ref(two));
    if (bench::wanted("P4")) {
        std::vector<double> ratios;
        for (int i = 0; i < bench::runs(); ++i) {
            const double alone = asyncio::run(seconds_of_work, std::ref(one));
            ratios.push_back(alone / asyncio::run(seconds_of_work, std::ref(two)));
        }
        bench::report("P4_two_processes", ratios, "x");
    }
    if (bench::wanted("P5")) asyncio::run(deaths, std::ref(one));
}
