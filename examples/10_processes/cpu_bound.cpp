// The same heavy work three times: awaited directly, in threads, in processes. A ticker shows
// whether the loop breathes meanwhile, and debug mode names what kept it from breathing.
//
// EXPECT-STDOUT: awaited directly:
// EXPECT-STDOUT: in threads:
// EXPECT-STDOUT: in processes:
// EXPECT-STDOUT: A process can be killed: the call was cancelled
// EXPECT-STDOUT: A crash is contained: asyncio: process
// EXPECT-STDERR: Executing a step of the task took
// EXPECT-STDERR: task: directly
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <csignal>
#include <vector>

#include "picture.hpp"

using namespace std::chrono_literals;

namespace {

constexpr int pieces = 4;
constexpr int size_of_piece = 600'000;

asyncio::coroutine<> ticker(picture& drawn) {
    for (;;) {
        co_await asyncio::sleep(10ms);
        drawn.tick();
    }
}

asyncio::coroutine<> directly(picture& drawn) {
    for (int i = 0; i < pieces; ++i) {
        drawn.work(count_primes(i * size_of_piece, (i + 1) * size_of_piece));
        co_await asyncio::sleep(0ms);
    }
}

/// The same code for threads and for processes: only the executor is another one.
template <class Executor>
asyncio::coroutine<> elsewhere(Executor& executor, picture& drawn) {
    auto& loop = asyncio::get_running_loop();
    std::vector<asyncio::future<piece_of_work>> calls;
    for (int i = 0; i < pieces; ++i)
        calls.push_back(loop.run_in_executor(&executor, count_primes, i * size_of_piece,
                                             (i + 1) * size_of_piece));
    for (auto& call : calls) drawn.work(co_await call);
}

template <class... Args>
asyncio::coroutine<picture> with_ticker(const char* name, Args... args) {
    picture drawn(now());
    const auto ticks = asyncio::create_task(ticker, std::ref(drawn));
    const auto work = asyncio::create_task({.name = name}, args..., std::ref(drawn));
    co_await work;
    co_await asyncio::sleep(10ms);  // a last tick
    ticks.cancel();
    co_return drawn;
}

void compute_for_ever() {
    volatile bool forever = true;
    while (forever) {
    }
}
int crash() { return std::raise(SIGSEGV); }

/// What threads cannot do.
asyncio::coroutine<> only_processes(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    try {
        asyncio::future<> endless = loop.run_in_executor(&pool, compute_for_ever);
        co_await asyncio::wait_for(std::move(endless), 50ms);
    } catch (const asyncio::timeout_error&) {
        std::puts(
            "\n  A process can be killed: the call was cancelled after 50 ms, its core is free.");
    }
    try {
        co_await loop.run_in_executor(&pool, crash);
    } catch (const asyncio::broken_process_pool& e) {
        std::printf("  A crash is contained: %s.\n", e.what());
    }
    try {
        co_await loop.run_in_executor(&pool, {.cpu_time = 50ms}, compute_for_ever);
    } catch (const asyncio::broken_process_pool& e) {
        std::printf("  A limit holds: %s.\n", e.what());
    }
}

asyncio::coroutine<> async_main(asyncio::process_pool_executor& processes) {
    // Report steps longer than this; usually 100 ms.
    asyncio::get_running_loop().slow_callback_duration(20ms);
    const picture direct = co_await with_ticker("directly", directly);

    asyncio::thread_pool_executor threads(processes.max_workers());
    const picture threaded = co_await with_ticker(
        "in threads", elsewhere<asyncio::thread_pool_executor>, std::ref(threads));
    const picture processed = co_await with_ticker(
        "in processes", elsewhere<asyncio::process_pool_executor>, std::ref(processes));

    const double whole = std::max({direct.end(), threaded.end(), processed.end()});
    direct.print("awaited directly", whole);
    threaded.print("in threads", whole);
    processed.print("in processes", whole);
    co_await only_processes(processes);
}

}  // namespace

int main() {
    std::puts("Heavy work blocks the loop, unless it runs elsewhere; debug mode says who did it.");
    std::fflush(stdout);
    asyncio::process_pool_executor processes(2);  // before anything starts a thread
    asyncio::run(async_main(processes), {.debug = true});
}
