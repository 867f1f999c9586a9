// EXPECT: this type cannot be awaited: co_await takes a coroutine
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 42; }

asyncio::coroutine<int> main_task() { co_return co_await ask; }  // the () is missing
