// EXPECT: this callable returns a coroutine, which nobody would await: use create_task(f,
// EXPECT: args...)
#include <asyncio/asyncio.hpp>

void start(asyncio::event_loop& loop) {
    loop.call_soon_threadsafe([]() -> asyncio::coroutine<> { co_return; });
}
