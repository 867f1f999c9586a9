// The coroutine is called instead of named.
// EXPECT: a thread runs plain callables: await a coroutine or task with co_await
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> answer() { co_return 42; }

void app(asyncio::event_loop& loop) { loop.run_in_executor(nullptr, answer()); }
