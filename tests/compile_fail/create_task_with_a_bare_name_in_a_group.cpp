// EXPECT: create_task(c(), {.name = "worker"})
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start(asyncio::task_group& group) { (void)group.create_task(work(), "worker"); }
