// EXPECT: perhaps it was called already? Pass the function and its arguments: to_thread(f, x)
#include <asyncio/asyncio.hpp>

int square(int n) { return n * n; }

asyncio::coroutine<int> ask() { co_return co_await asyncio::to_thread(square(3)); }
