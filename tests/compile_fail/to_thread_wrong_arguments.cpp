// The arguments do not fit.
// EXPECT: the callable cannot be called with these arguments
#include <asyncio/asyncio.hpp>
#include <string>

int add(int a, int b) { return a + b; }

asyncio::coroutine<int> app() { co_return co_await asyncio::to_thread(add, 1, std::string("2")); }
