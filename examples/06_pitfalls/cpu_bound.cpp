// Waiting overlaps, computing does not: a loop has one thread. A task that computes keeps all
// others from running. Debug mode names it; to_thread moves it out of the way.
//
// EXPECT-STDOUT: on the loop:
// EXPECT-STDOUT: in a thread:
// EXPECT-STDERR: Executing a step of the task took
// EXPECT-STDERR: task: counter
// EXPECT-STDERR: cpu_bound.cpp in count_on_the_loop
#include <algorithm>
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

int count_primes(int below) {
    int count = 0;
    for (int n = 2; n < below; ++n) {
        bool prime = true;
        for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
        if (prime) ++count;
    }
    return count;
}

/// Says how late the loop comes back to a task that only wants to wait for 10 ms at a time.
asyncio::coroutine<> heartbeat(const char* where) {
    std::chrono::duration<double, std::milli> worst{};
    for (int beat = 0; beat < 20; ++beat) {
        const auto before = asyncio::clock::now();
        co_await asyncio::sleep(10ms);
        worst = std::max(worst, decltype(worst)(asyncio::clock::now() - before));
    }
    std::printf("  %s: the 10 ms heartbeat took %.0f ms at worst\n", where, worst.count());
}

asyncio::coroutine<int> count_on_the_loop() { co_return count_primes(800'000); }

asyncio::coroutine<> async_main() {
    auto& loop = asyncio::get_running_loop();
    loop.slow_callback_duration(20ms);  // report steps longer than this; usually 100 ms

    auto heart = asyncio::create_task(heartbeat, "on the loop");
    auto counter = asyncio::create_task({.name = "counter"}, count_on_the_loop);
    co_await asyncio::gather(heart, counter);

    heart = asyncio::create_task(heartbeat, "in a thread");
    const int primes = co_await asyncio::to_thread(count_primes, 800'000);
    co_await heart;
    std::printf("  %d primes\n", primes);
}

int main() {
    std::puts("Computing freezes the loop; debug mode says who did it.");
    std::fflush(stdout);
    asyncio::run(async_main(), {.debug = true});
}
