// EXPECT: a task's result is set by its coroutine
#include <asyncio/asyncio.hpp>

void set(const asyncio::task<int>& t) { t.set_result(1); }
