// EXPECT-EXIT: 1
// EXPECT-STDERR: this coroutine was awaited, started or moved from already; a coroutine runs once
// EXPECT-STDERR: (create_task gives a task, which can be awaited many times)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 1; }
asyncio::coroutine<> main_task() {
    auto c = ask();
    (void)co_await std::move(c);
    (void)co_await std::move(c);
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
