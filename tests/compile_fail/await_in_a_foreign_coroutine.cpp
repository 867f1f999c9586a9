// EXPECT: this can be awaited only inside an asyncio::coroutine
#include <asyncio/asyncio.hpp>
#include <coroutine>

struct other_task {
    struct promise_type {
        other_task get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

other_task main_task() { co_await asyncio::sleep(std::chrono::seconds(1)); }
