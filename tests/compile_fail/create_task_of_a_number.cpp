// EXPECT: create_task takes a coroutine, or a callable that returns one; not a number
#include <asyncio/asyncio.hpp>

int ask() { return 42; }

void start() { (void)asyncio::create_task(ask()); }
