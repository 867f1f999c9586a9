// EXPECT: the callable cannot be called with these arguments
#include <asyncio/asyncio.hpp>

void start(asyncio::event_loop& loop) { loop.call_soon(nullptr); }
