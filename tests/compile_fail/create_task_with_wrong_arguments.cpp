// EXPECT: the callable cannot be called with these arguments
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work(int) { co_return; }

void start() { (void)asyncio::create_task(work, "text"); }
