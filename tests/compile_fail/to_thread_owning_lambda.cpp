// g++ 12 would destroy the lambda's captures twice.
// EXPECT-GCC: name the callable first and pass the name
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

asyncio::coroutine<std::size_t> app(std::string path) {
    co_return co_await asyncio::to_thread([path] { return path.size(); });
}
