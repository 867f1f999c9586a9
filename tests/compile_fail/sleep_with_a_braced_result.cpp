// EXPECT-GCC: name the result first
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

struct row {
    std::string name;
};

asyncio::coroutine<row> later() {
    co_return co_await asyncio::sleep(std::chrono::seconds(1), row{"name"});
}
