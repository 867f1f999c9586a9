// EXPECT: a delay needs a unit: write 3s, 250ms or std::chrono::seconds(n)
#include <asyncio/asyncio.hpp>

void start(asyncio::event_loop& loop) {
    loop.call_later(0.5, [] {});
}
