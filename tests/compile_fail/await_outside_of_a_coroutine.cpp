// The words are the compilers' own: a function with co_await returns an asyncio::coroutine<T>.
// EXPECT-GCC: unable to find the promise type for this coroutine
// EXPECT-CLANG: this function cannot be a coroutine
#include <asyncio/asyncio.hpp>

void wait_a_second() { co_await asyncio::sleep(std::chrono::seconds(1)); }
