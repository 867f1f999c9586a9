// co_await pauses this coroutine until the other one is done. Two waits in turn add up.
//
// EXPECT-STDOUT: first page
// EXPECT-STDOUT: second page
// EXPECT-STDOUT: both in
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

double seconds_since(asyncio::time_point start) {
    return std::chrono::duration<double>(asyncio::clock::now() - start).count();
}

// Stands for a slow server: sleep waits as a socket would, without keeping the thread busy.
asyncio::coroutine<std::string> fetch(std::string page) {
    co_await asyncio::sleep(150ms);
    co_return page + " page";
}

asyncio::coroutine<> async_main() {
    const auto start = asyncio::clock::now();
    const std::string first = co_await fetch("first");
    std::printf("  %s after %.2f s\n", first.c_str(), seconds_since(start));
    const std::string second = co_await fetch("second");
    std::printf("  %s after %.2f s\n", second.c_str(), seconds_since(start));
    std::printf("  both in %.2f s: nothing overlapped\n", seconds_since(start));
}

int main() {
    std::puts("Awaited in turn, waits add up.");
    asyncio::run(async_main());
}
