// EXPECT: a callback must be a callable; a coroutine or task is started with create_task(...)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start(asyncio::event_loop& loop) { loop.call_later(std::chrono::seconds(1), work()); }
