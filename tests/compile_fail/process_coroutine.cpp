// A coroutine belongs to a loop of this process.
// EXPECT: this callable returns a coroutine, which another process cannot run for you
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>

asyncio::coroutine<int> answer() { co_return 42; }

asyncio::coroutine<int> app(asyncio::process_pool_executor& pool) {
    co_return co_await asyncio::get_running_loop().run_in_executor(&pool, answer);
}
