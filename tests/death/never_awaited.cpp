// A coroutine that nobody awaits is reported with its name and its place; the program goes on.
// EXPECT-STDERR: was never awaited
// EXPECT-STDERR: never_awaited.cpp
// EXPECT-STDERR: write co_await, or give it to create_task() or run()
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> forgotten() { co_return; }
asyncio::coroutine<> main_task() {
    [[maybe_unused]] const auto c = forgotten();
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
