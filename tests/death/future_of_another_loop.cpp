// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: this future belongs to another event loop; await it there, or use
// EXPECT-STDERR: run_coroutine_threadsafe
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() {
    const auto other = asyncio::new_event_loop();
    co_await other->create_future();
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
