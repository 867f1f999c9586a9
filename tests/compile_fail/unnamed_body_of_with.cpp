// EXPECT-GCC: g++ 12 would destroy this body twice: name it first
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

asyncio::coroutine<> main_task(std::string text) {
    co_await asyncio::with(asyncio::timeout(std::chrono::seconds(1)),
                           [text](asyncio::timeout&) -> asyncio::coroutine<> { co_return; });
}
