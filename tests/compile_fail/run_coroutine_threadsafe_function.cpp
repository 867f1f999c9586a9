// A plain function is given instead of a coroutine.
// EXPECT: the callable must return a coroutine; a plain function runs with call_soon
#include <asyncio/asyncio.hpp>

int answer() { return 42; }

void ask(asyncio::event_loop& loop) { asyncio::run_coroutine_threadsafe(loop, answer); }
