// EXPECT: a delay needs a unit: write 3s, 250ms or std::chrono::seconds(n)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() { co_await asyncio::sleep(3); }
