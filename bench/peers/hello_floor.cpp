// What hello world costs to compile with nothing but the mechanism: a bare coroutine.
#include <coroutine>
#include <cstdio>

struct hello_task {
    struct promise_type {
        hello_task get_return_object() { return {}; }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

hello_task hello() {
    std::puts("Hello ... World!");
    co_return;
}

int main() { hello(); }
