// EXPECT: a coroutine cannot take an rvalue reference: the argument dies before the coroutine
// EXPECT: runs
// EXPECT: take the parameter by value
#include <asyncio/asyncio.hpp>
#include <string>

asyncio::coroutine<std::size_t> length(std::string&& text) { co_return text.size(); }
