// A task is handed to another thread.
// EXPECT: a future or task belongs to the thread of its loop: hand a coroutine over
#include <asyncio/asyncio.hpp>

void ask(asyncio::task<int> t, asyncio::event_loop& loop) {
    asyncio::run_coroutine_threadsafe(t, loop).result();
}
