// EXPECT: a task's result is set by its coroutine
#include <asyncio/asyncio.hpp>
#include <stdexcept>

void set(const asyncio::task<int>& t) { t.set_exception(std::runtime_error("no")); }
