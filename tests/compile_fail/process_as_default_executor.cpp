// A job of an executor is a closure, which cannot be sent; a pool of processes is none.
// EXPECT: set_default_executor
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <memory>

void app(asyncio::event_loop& loop) {
    loop.set_default_executor(std::make_unique<asyncio::process_pool_executor>());
}
