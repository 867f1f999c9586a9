// cancel() throws cancelled_error at the co_await where the task stands. The task may clean up.
//
// EXPECT-STDOUT: not done, looking again
// EXPECT-STDOUT: the task cleans up
// EXPECT-STDOUT: cancelled: "the user left"
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

asyncio::coroutine<> download() {
    try {
        co_await asyncio::sleep(10s);
    } catch (const asyncio::cancelled_error&) {
        std::puts("  the task cleans up");
        throw;  // always pass a cancel on
    }
}

asyncio::coroutine<> async_main() {
    const auto task = asyncio::create_task({.name = "download"}, download);

    for (int looks = 0; !task.done(); ++looks) {
        if (looks == 3) {
            task.cancel("the user left");
        } else {
            std::puts("  not done, looking again in 0.1 s");
        }
        co_await asyncio::sleep(100ms);
    }
    try {
        co_await task;
    } catch (const asyncio::cancelled_error& e) {
        // A cancel carries its reason: who asked, and where.
        std::printf("  cancelled: \"%s\"\n", std::string(e.message()).c_str());
        std::printf("  %s\n", e.describe().c_str());
    }
}

int main() {
    std::puts("A task can be cancelled, at the await where it stands.");
    asyncio::run(async_main());
}
