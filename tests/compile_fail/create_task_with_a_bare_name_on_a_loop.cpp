// EXPECT: create_task(c(), {.name = "worker"})
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start(asyncio::event_loop& loop) { (void)loop.create_task(work(), "worker"); }
