// EXPECT: the callable cannot be called with these arguments
#include <asyncio/asyncio.hpp>
#include <mutex>

asyncio::coroutine<> work(std::mutex&) { co_return; }

void start(asyncio::event_loop& loop, std::mutex& m) { (void)loop.create_task(work, m); }
