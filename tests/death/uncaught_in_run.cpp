// What run() lets through ends the program in order also if nobody catches it: the other tasks
// have cleaned up by then.
// EXPECT-EXIT: SIGABRT
// EXPECT-STDERR: cleaned up
// EXPECT-STDERR: main has failed
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

asyncio::coroutine<> saver() {
    try {
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
        std::fputs("cleaned up\n", stderr);
        throw;
    }
}

asyncio::coroutine<> main_task() {
    const auto t = asyncio::create_task(saver());
    co_await asyncio::sleep(0s);
    throw std::runtime_error("main has failed");
}

int main() { asyncio::run(main_task()); }
