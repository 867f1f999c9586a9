// EXPECT: the body takes the context by reference
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work(asyncio::task_group) { co_return; }

asyncio::coroutine<> several() { co_await asyncio::with(asyncio::task_group(), work); }
