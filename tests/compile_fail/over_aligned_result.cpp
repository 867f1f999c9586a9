// EXPECT: a coroutine's result cannot be over-aligned: return a std::unique_ptr to it
#include <asyncio/asyncio.hpp>

struct alignas(64) line {
    char bytes[64];
};

asyncio::coroutine<line> load() { co_return line(); }
