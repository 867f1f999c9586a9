// EXPECT: a done callback must be a callable, not a coroutine or task
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void watch(const asyncio::future<int>& f) { f.add_done_callback(work()); }
