// EXPECT: co_await the_lock.scoped_acquire()
#include <asyncio/asyncio.hpp>
#include <mutex>

asyncio::coroutine<> main_task(asyncio::lock& the_lock) {
    const std::lock_guard held(the_lock);
    co_return;
}
