// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: a delay is not a number (NaN)
#include <asyncio/asyncio.hpp>
#include <limits>

asyncio::coroutine<> main_task() {
    co_await asyncio::sleep(
        std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()));
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
