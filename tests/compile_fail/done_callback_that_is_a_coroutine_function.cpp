// EXPECT: this callable returns a coroutine, which nobody would await
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work(asyncio::future<int>) { co_return; }

void watch(const asyncio::future<int>& f) { f.add_done_callback(work); }
