// EXPECT: a coroutine is awaited once: write co_await std::move(c)
// EXPECT: create_task(std::move(c)), which can be awaited many times
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 42; }

asyncio::coroutine<int> main_task() {
    auto c = ask();
    const int first = co_await c;
    const int second = co_await c;
    co_return first + second;
}
