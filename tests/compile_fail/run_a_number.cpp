// EXPECT: takes a coroutine, or a callable that returns one; not a number
#include <asyncio/asyncio.hpp>

int main() { return asyncio::run(42); }
