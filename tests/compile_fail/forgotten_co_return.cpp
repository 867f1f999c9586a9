// g++ says it at run time (tests/death/forgotten_co_return.cpp).
// EXPECT: coroutine
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask(bool yes) {
    if (yes) co_return 1;
}
