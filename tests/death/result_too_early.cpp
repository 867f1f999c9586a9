// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio::invalid_state_error: asyncio: the result is not set yet: co_await the
// EXPECT-STDERR: future instead of asking, or ask done() first
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> ask() { co_return 1; }
asyncio::coroutine<> main_task() {
    const auto t = asyncio::create_task(ask());
    (void)t.result();
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
