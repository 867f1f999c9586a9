// What the library says about mistakes: a step that blocks (in debug mode), a coroutine that was
// never awaited, an exception that nobody asked for.
//
// EXPECT-STDERR: Executing a step of the task took
// EXPECT-STDERR: task: sleepyhead
// EXPECT-STDERR: in sleepyhead
// EXPECT-STDERR: coroutine 'save' was never awaited
// EXPECT-STDERR: what_it_says.cpp
// EXPECT-STDERR: Task exception was never retrieved
// EXPECT-STDERR: task: loader
// EXPECT-STDERR: std::runtime_error: no such user
// EXPECT-STDERR: in load_user
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

asyncio::coroutine<> save() { co_return; }

asyncio::coroutine<int> find_user(int id) {
    co_await asyncio::sleep(1ms);
    if (id != 1) throw std::runtime_error("no such user");
    co_return id;
}

asyncio::coroutine<int> load_user(int id) { co_return co_await find_user(id); }

asyncio::coroutine<> sleepyhead() {
    std::this_thread::sleep_for(120ms);  // blocks the thread; asyncio::sleep would not
    co_return;
}

asyncio::coroutine<> async_main() {
    asyncio::create_task({.name = "loader"}, load_user, 2);  // nobody asks how it ended
    co_await asyncio::create_task({.name = "sleepyhead"}, sleepyhead);
    auto forgotten = save();  // no co_await
}

int main() {
    std::puts("Mistakes are named, with their place.");
    std::fflush(stdout);
    asyncio::run(async_main(), {.debug = true});
}
