// ENV: ASYNCIODEBUG=1
// EXPECT-STDOUT: call_soon was called from a thread that does not run this loop
// EXPECT-STDOUT: use call_soon_threadsafe
// EXPECT-STDOUT: set_result was called from a thread that does not run this loop
// EXPECT-STDOUT: use call_soon_threadsafe
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <exception>
#include <thread>

asyncio::coroutine<> main_task() {
    asyncio::event_loop& loop = asyncio::get_running_loop();
    const auto f = loop.create_future<int>();
    std::thread other([&] {
        try {
            loop.call_soon([] {});
        } catch (const std::exception& e) {
            std::puts(e.what());
        }
        try {
            f.set_result(1);
        } catch (const std::exception& e) {
            std::puts(e.what());
        }
    });
    other.join();
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
