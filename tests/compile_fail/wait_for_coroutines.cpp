// EXPECT: wait takes tasks or futures: make each coroutine a task first, with create_task(...)
#include <asyncio/asyncio.hpp>
#include <vector>

asyncio::coroutine<> main_task(std::vector<asyncio::coroutine<int>> all) {
    (void)co_await asyncio::wait(all);
}
