#include <asyncio/asyncio.hpp>
#include <asyncio/testing.hpp>

asyncio::coroutine<int> other();

asyncio::coroutine<int> other() {
    asyncio::lock lock;
    auto guard = co_await lock.scoped_acquire();
    co_return 21;
}
