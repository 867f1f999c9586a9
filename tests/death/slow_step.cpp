// ARGS: -X dev
// EXPECT-STDERR: Executing a step of the task took
// EXPECT-STDERR:   task: Task-1
// EXPECT-STDERR: computes
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> computes() {
    co_await asyncio::sleep(std::chrono::seconds(0));
    const auto end = asyncio::clock::now() + std::chrono::milliseconds(120);
    while (asyncio::clock::now() < end) {
    }
}
asyncio::coroutine<> main_task() { co_await computes(); }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
