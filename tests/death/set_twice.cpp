// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: set_result: the future is done already; a future is set once (ask
// EXPECT-STDERR: done() first)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> main_task() {
    const auto f = asyncio::get_running_loop().create_future<int>();
    f.set_result(1);
    f.set_result(2);
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
