// The words are the compilers' own: the lambda lacks `-> asyncio::coroutine<>`.
// EXPECT: cannot be used in a function with a deduced return type
#include <asyncio/asyncio.hpp>

const auto wait_a_second = [] { co_await asyncio::sleep(std::chrono::seconds(1)); };
