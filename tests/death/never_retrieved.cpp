// An exception that nobody looks at is reported with its task, its origin and its awaits.
// EXPECT-STDERR: Task exception was never retrieved
// EXPECT-STDERR:   task: background
// EXPECT-STDERR:   exception: std::runtime_error: disk full
// EXPECT-STDERR:   created at
// EXPECT-STDERR: never_retrieved.cpp
// EXPECT-STDERR: await chain
// EXPECT-STDERR: save
#include <asyncio/asyncio.hpp>
#include <stdexcept>

asyncio::coroutine<> save() {
    co_await asyncio::sleep(std::chrono::seconds(0));
    throw std::runtime_error("disk full");
}
asyncio::coroutine<> work() { co_await save(); }
asyncio::coroutine<> main_task() {
    (void)asyncio::create_task(work(), {.name = "background"});
    co_await asyncio::sleep(std::chrono::milliseconds(1));
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
