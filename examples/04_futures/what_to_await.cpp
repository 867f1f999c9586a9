// What can stand behind co_await: a coroutine, a future, a task (which is both), what the library
// returns, and any type of your own with operator co_await.
//
// EXPECT-STDOUT: a coroutine gave 1
// EXPECT-STDOUT: a task gave 1
// EXPECT-STDOUT: a future gave 2
// EXPECT-STDOUT: sleep gave 3
// EXPECT-STDOUT: my own type gave 4
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <type_traits>

using namespace std::chrono_literals;

asyncio::coroutine<int> one() { co_return 1; }

// Three functions make a type awaitable. This one never needs to wait.
struct four {
    static bool await_ready() { return true; }
    static void await_suspend(std::coroutine_handle<>) {}
    static int await_resume() { return 4; }
};

static_assert(asyncio::awaitable<asyncio::coroutine<int>>);
static_assert(asyncio::awaitable<asyncio::future<int>>);
static_assert(asyncio::awaitable<four>);
static_assert(!asyncio::awaitable<int>);
static_assert(std::is_base_of_v<asyncio::future<int>, asyncio::task<int>>);

asyncio::coroutine<> async_main() {
    const int from_coroutine = co_await one();
    std::printf("  a coroutine gave %d\n", from_coroutine);

    const asyncio::task<int> task = asyncio::create_task(one());
    const int from_task = co_await task;
    std::printf("  a task gave %d, and again %d: it is a future, too\n", from_task, co_await task);

    const auto future = asyncio::get_running_loop().create_future<int>();
    asyncio::get_running_loop().call_soon([future] { future.set_result(2); });
    const int from_future = co_await future;
    std::printf("  a future gave %d\n", from_future);

    const int from_sleep = co_await asyncio::sleep(10ms, 3);
    std::printf("  sleep gave %d\n", from_sleep);

    const int from_my_own = co_await four();
    std::printf("  my own type gave %d\n", from_my_own);
}

int main() {
    std::puts("Coroutines, tasks and futures are awaitables.");
    asyncio::run(async_main());
}
