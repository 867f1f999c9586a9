// EXPECT: a coroutine becomes a task once: write create_task(std::move(c))
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> work() { co_return; }

void start() {
    auto c = work();
    (void)asyncio::create_task(c);
}
