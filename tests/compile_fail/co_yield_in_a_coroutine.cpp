// EXPECT: a coroutine gives one result, with co_return; several need an async_generator
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> numbers() {
    co_yield 1;
    co_return 2;
}
