// EXPECT: this type cannot be awaited: co_await takes a coroutine, a task, a future
#include <asyncio/asyncio.hpp>

int ask() { return 42; }

asyncio::coroutine<int> main_task() { co_return co_await ask(); }
