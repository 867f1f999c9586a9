// EXPECT: a coroutine runs nothing until it is awaited: co_await it, or give it to create_task
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

asyncio::coroutine<> main_task() {
    work();
    co_return;
}
