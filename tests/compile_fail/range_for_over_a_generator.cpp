// EXPECT: for (auto item = co_await g.next(); item; item = co_await g.next())
#include <asyncio/asyncio.hpp>

asyncio::async_generator<int> numbers() { co_yield 1; }

asyncio::coroutine<int> sum() {
    int total = 0;
    for (const int n : numbers()) total += n;
    co_return total;
}
