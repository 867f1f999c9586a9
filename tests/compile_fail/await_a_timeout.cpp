// EXPECT: co_await asyncio::with(x, [&](auto& x) -> asyncio::coroutine<> { ... })
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> soon() { co_await asyncio::timeout(std::chrono::seconds(3)); }
