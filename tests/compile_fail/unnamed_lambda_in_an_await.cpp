// EXPECT-GCC: g++ 12 destroys
// EXPECT-GCC: name the task first
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

asyncio::coroutine<std::size_t> main_task(std::string text) {
    co_return co_await asyncio::create_task(
        [text]() -> asyncio::coroutine<std::size_t> { co_return text.size(); });
}
