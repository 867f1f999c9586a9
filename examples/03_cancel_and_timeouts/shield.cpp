// It takes longer than expected: tell the user, but do not give up. shield() keeps the timeout's
// cancel away from the task.
//
// EXPECT-STDOUT: it takes longer than expected, please wait
// EXPECT-STDOUT: the task was cancelled: no
// EXPECT-STDOUT: the report has 12 pages
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

asyncio::coroutine<int> write_report() {
    co_await asyncio::sleep(300ms);
    co_return 12;
}

asyncio::coroutine<> async_main() {
    const auto task = asyncio::create_task(write_report);
    try {
        co_await asyncio::wait_for(asyncio::shield(task), 100ms);
    } catch (const asyncio::timeout_error&) {
        std::puts("  it takes longer than expected, please wait");
        std::printf("  the task was cancelled: %s\n", task.cancelled() ? "yes" : "no");
    }
    const int pages = co_await task;
    std::printf("  the report has %d pages\n", pages);
}

int main() {
    std::puts("A task can be shielded from a cancel.");
    asyncio::run(async_main());
}
