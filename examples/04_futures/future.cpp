// A future is a value that will be set. Somebody sets it, once; everybody who awaits it goes on.
//
// EXPECT-STDOUT: done: no
// EXPECT-STDOUT: asked too early:
// EXPECT-STDOUT: callback: the future is done
// EXPECT-STDOUT: the value is 42
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

asyncio::coroutine<> set_later(asyncio::future<int> future) {
    co_await asyncio::sleep(100ms);
    future.set_result(42);
}

asyncio::coroutine<> async_main() {
    auto future = asyncio::get_running_loop().create_future<int>();
    std::printf("  done: %s\n", future.done() ? "yes" : "no");
    try {
        future.result();
    } catch (const asyncio::invalid_state_error& e) {
        std::printf("  asked too early: %s\n", e.what());
    }

    future.add_done_callback(
        [](const asyncio::future<int>&) { std::puts("  callback: the future is done"); });
    const auto setter = asyncio::create_task(set_later, future);

    const int value = co_await future;  // pauses until it is set
    std::printf("  the value is %d\n", value);
    co_await setter;
}

int main() {
    std::puts("A future is set once, and awaited by anybody.");
    asyncio::run(async_main());
}
