// EXPECT: the callable cannot be called with these arguments (they are stored by value
#include <asyncio/asyncio.hpp>

void on_timer(int) {}

void start(asyncio::event_loop& loop) { loop.call_later(std::chrono::seconds(1), on_timer); }
