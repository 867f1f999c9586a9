// EXPECT: coroutine
// EXPECT: create_task
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

asyncio::coroutine<> main_task() {
    co_await asyncio::get_running_loop().run_in_executor(nullptr, work);
}
