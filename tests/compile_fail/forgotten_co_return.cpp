// g++ says it at run time (tests/death/forgotten_co_return.cpp).
// EXPECT-GCC: g++ 12 cannot see it
// EXPECT-CLANG: does not return a value in all control paths
#include <asyncio/asyncio.hpp>

#ifndef __clang__
#error g++ 12 cannot see it
#endif

asyncio::coroutine<int> ask(bool yes) {
    if (yes) co_return 1;
}
