// EXPECT: gather(asyncio::return_exceptions, a, b)
#include <asyncio/asyncio.hpp>
#include <utility>
#include <vector>

asyncio::coroutine<> main_task(std::vector<asyncio::task<>> tasks) {
    co_await asyncio::gather(std::move(tasks), {.return_exceptions = true});
}
