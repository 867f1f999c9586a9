// EXPECT-GCC: g++ 12 destroys
// EXPECT-GCC: name the task first
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

asyncio::coroutine<> main_task(std::string text) {
    co_await asyncio::gather(asyncio::create_task([text]() -> asyncio::coroutine<> { co_return; }));
}
