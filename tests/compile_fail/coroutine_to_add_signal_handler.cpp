// EXPECT: this callable returns a coroutine, which nobody would await: use create_task(f,
// EXPECT: args...)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> on_signal() { co_return; }

void start(asyncio::event_loop& loop) { loop.add_signal_handler(10, on_signal); }
