// EXPECT: co_await g.next()
#include <asyncio/asyncio.hpp>

asyncio::async_generator<int> numbers() { co_yield 1; }

asyncio::coroutine<> first() { co_await numbers(); }
