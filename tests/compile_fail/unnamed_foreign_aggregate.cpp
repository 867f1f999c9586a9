// EXPECT-GCC: g++ 12 destroys
// EXPECT-CLANG: clang has no such bug
#include <asyncio/asyncio.hpp>
#include <coroutine>
#include <string>

#ifdef __clang__
#error clang has no such bug
#endif

struct other_awaitable {
    std::string text;
    bool await_ready() const { return true; }
    void await_suspend(std::coroutine_handle<>) const {}
    std::string await_resume() const { return text; }
};

asyncio::coroutine<std::string> main_task() { co_return co_await other_awaitable{"text"}; }
