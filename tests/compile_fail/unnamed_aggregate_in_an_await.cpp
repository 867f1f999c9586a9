// EXPECT-GCC: g++ 12 destroys
// EXPECT-GCC: name the task first
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

struct request {
    std::string url;
    int retries = 0;
};
asyncio::coroutine<std::size_t> fetch(request r) { co_return r.url.size(); }

asyncio::coroutine<std::size_t> main_task() {
    co_return co_await asyncio::create_task(fetch, request{"http://localhost/", 3});
}
