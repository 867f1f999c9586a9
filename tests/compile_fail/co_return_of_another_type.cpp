// EXPECT: co_return takes a value of the coroutine's type
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return "text"; }
