// A reference parameter would refer to a copy that is gone.
// EXPECT: use std::ref to refer to something that outlives the call
#include <asyncio/asyncio.hpp>

void grow(int& number) { ++number; }

asyncio::coroutine<> app() {
    int number = 0;
    co_await asyncio::to_thread(grow, number);
}
