// EXPECT: run(main(), {.debug = true})
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> async_main() { co_return; }

int main() { asyncio::run(async_main(), true); }
