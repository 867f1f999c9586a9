// EXPECT: this callable returns a coroutine, which nobody would await: use create_task(f,
// EXPECT: args...)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start(asyncio::event_loop& loop) { loop.call_at(loop.time(), work); }
