// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: the program ended with an uncaught exception
// EXPECT-STDERR:   exception: std::runtime_error: no route
// EXPECT-STDERR:   await chain (innermost last; lines are of the co_awaits):
// EXPECT-STDERR: uncaught_error.cpp
// EXPECT-STDERR: main_task
// EXPECT-STDERR: middle
// EXPECT-STDERR: connect
#include <asyncio/asyncio.hpp>
#include <stdexcept>

asyncio::coroutine<> connect() {
    co_await asyncio::sleep(std::chrono::seconds(0));
    throw std::runtime_error("no route");
}
asyncio::coroutine<> middle() { co_await connect(); }
asyncio::coroutine<> main_task() { co_await middle(); }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
