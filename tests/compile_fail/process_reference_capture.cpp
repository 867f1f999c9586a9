// A lambda refers to what another process does not have.
// EXPECT: a lambda with captures cannot be sent to another process: pass what it captures as
// arguments
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>

asyncio::coroutine<int> app(asyncio::process_pool_executor& pool) {
    int number = 1;
    co_return co_await asyncio::get_running_loop().run_in_executor(&pool, [&] { return number; });
}
