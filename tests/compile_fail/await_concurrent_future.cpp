// A result for threads is awaited by a coroutine.
// EXPECT: this type cannot be awaited
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> answer() { co_return 42; }

asyncio::coroutine<int> app(asyncio::event_loop& other) {
    co_return co_await asyncio::run_coroutine_threadsafe(answer(), other);
}
