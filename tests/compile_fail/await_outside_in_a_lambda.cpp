// The words are the compilers' own: the lambda lacks `-> asyncio::coroutine<>`.
// EXPECT-GCC: unable to find the promise type for this coroutine
// EXPECT-CLANG: this function cannot be a coroutine
#include <asyncio/asyncio.hpp>

const auto wait_a_second = [] { co_await asyncio::sleep(std::chrono::seconds(1)); };
