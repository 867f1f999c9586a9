// A coroutine is given to a thread.
// EXPECT: this callable returns a coroutine, which a thread cannot run: call it with co_await
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> answer() { co_return 42; }

asyncio::coroutine<int> app() { co_return co_await asyncio::to_thread(answer); }
