// What run() does for you, by hand: make a loop, run something on it, close it.
//
// EXPECT-STDOUT: the result is 42
// EXPECT-STDOUT: first, from call_soon
// EXPECT-STDOUT: second, from a coroutine
// EXPECT-STDOUT: third, from call_later
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

asyncio::coroutine<int> answer() {
    co_await asyncio::sleep(50ms);
    co_return 42;
}

void say(const char* what) { std::printf("  %s\n", what); }

asyncio::coroutine<> schedule() {
    asyncio::event_loop& loop =
        asyncio::get_running_loop();               // inside a coroutine: the loop it is on
    loop.call_soon(say, "first, from call_soon");  // a plain function, in the next round
    loop.call_later(50ms, say, "third, from call_later");
    co_await asyncio::sleep(10ms);
    say("second, from a coroutine");
    co_await asyncio::sleep(100ms);
}

int main() {
    std::puts("A loop can be driven by hand.");
    const auto loop = asyncio::new_event_loop();
    const int result = loop->run_until_complete(answer());
    std::printf("  the result is %d\n", result);
    loop->run_until_complete(schedule());
    loop->close();
}
