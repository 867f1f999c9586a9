// EXPECT: would refer to a temporary
#include <asyncio/asyncio.hpp>
#include <string>

asyncio::coroutine<const std::string&> name() { co_return "a name"; }
