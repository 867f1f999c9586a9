// EXPECT: gather(asyncio::return_exceptions, a, b)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

asyncio::coroutine<> main_task() {
    const auto [a, b] = co_await asyncio::gather(work(), work(), {.return_exceptions = true});
    (void)a.has_value();
    (void)b.has_value();
}
