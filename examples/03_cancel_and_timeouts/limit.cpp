// wait_for limits how long one awaitable may take; timeout limits a block.
//
// EXPECT-STDOUT: in time: hello
// EXPECT-STDOUT: wait_for: timed out after
// EXPECT-STDOUT: the task was cancelled: yes
// EXPECT-STDOUT: timeout: timed out after
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

double seconds_since(asyncio::time_point start) {
    return std::chrono::duration<double>(asyncio::clock::now() - start).count();
}

asyncio::coroutine<std::string> greet(std::chrono::milliseconds after) {
    co_await asyncio::sleep(after);
    co_return "hello";
}

asyncio::coroutine<> async_main() {
    const std::string greeting = co_await asyncio::wait_for(greet(50ms), 200ms);
    std::printf("  in time: %s\n", greeting.c_str());

    auto start = asyncio::clock::now();
    const auto task = asyncio::create_task(greet, 10s);
    try {
        co_await asyncio::wait_for(task, 100ms);
    } catch (const asyncio::timeout_error&) {
        std::printf("  wait_for: timed out after %.2f s\n", seconds_since(start));
        std::printf("  the task was cancelled: %s\n", task.cancelled() ? "yes" : "no");
    }

    start = asyncio::clock::now();
    try {
        co_await asyncio::with(asyncio::timeout(100ms), []() -> asyncio::coroutine<> {
            co_await greet(60ms);
            co_await greet(60ms);  // the limit holds for the block, not for each line
        });
    } catch (const asyncio::timeout_error&) {
        std::printf("  timeout: timed out after %.2f s\n", seconds_since(start));
    }
}

int main() {
    std::puts("A wait can be limited.");
    asyncio::run(async_main());
}
