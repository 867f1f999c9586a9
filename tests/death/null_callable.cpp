// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: the callback is null: pass a function that can be called
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() {
    void (*on_timer)() = nullptr;
    asyncio::get_running_loop().call_later(std::chrono::seconds(0), on_timer);
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
