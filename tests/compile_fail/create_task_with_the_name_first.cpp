// EXPECT: create_task(c(), {.name = "worker"})
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start() { (void)asyncio::create_task("worker", work()); }
