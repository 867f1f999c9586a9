// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: this future or task handle is empty: it was default-constructed or
// EXPECT-STDERR: moved from
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() {
    asyncio::task<int> never_assigned;
    (void)co_await never_assigned;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
