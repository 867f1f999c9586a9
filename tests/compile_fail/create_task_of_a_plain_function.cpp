// EXPECT: the callable must return a coroutine; a plain function runs with
#include <asyncio/asyncio.hpp>

int ask() { return 42; }

void start() { (void)asyncio::create_task(ask); }
