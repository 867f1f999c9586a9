// EXPECT: sleep does nothing until it is awaited: co_await sleep(...)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() {
    asyncio::sleep(std::chrono::seconds(1));
    co_return;
}
