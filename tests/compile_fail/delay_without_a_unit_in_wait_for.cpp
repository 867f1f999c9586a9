// EXPECT: a delay needs a unit: write 3s, 250ms or std::chrono::seconds(n)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 1; }

asyncio::coroutine<int> main_task() { co_return co_await asyncio::wait_for(ask(), 3); }
