// EXPECT-EXIT: 1
// EXPECT-STDERR: run() was called while an event loop runs in this thread; inside a coroutine
// EXPECT-STDERR: write co_await
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 1; }
asyncio::coroutine<> main_task() {
    (void)asyncio::run(ask());
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
