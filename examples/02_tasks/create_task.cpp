// create_task starts a coroutine beside its caller; it runs whenever the others wait.
//
// EXPECT-STDOUT: the task is made; it begins when we wait
// EXPECT-STDOUT: still here
// EXPECT-STDOUT: the task gave 42
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

asyncio::coroutine<int> answer(std::string question) {
    std::printf("  the task begins: %s\n", question.c_str());
    co_await asyncio::sleep(250ms);
    co_return 42;
}

asyncio::coroutine<> say_that_we_are_here() {
    for (int i = 0; i < 2; ++i) {
        co_await asyncio::sleep(100ms);
        std::puts("  still here");
    }
}

asyncio::coroutine<> async_main() {
    // The callable and its arguments are copied into the task: nothing can dangle.
    const auto task = asyncio::create_task(answer, "what is six times seven?");
    std::puts("  the task is made; it begins when we wait");

    co_await say_that_we_are_here();  // the task runs meanwhile
    const int result = co_await task;
    std::printf("  the task gave %d\n", result);
}

int main() {
    std::puts("A task runs beside its creator.");
    asyncio::run(async_main());
}
