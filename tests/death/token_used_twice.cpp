// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: this context_var token was used already
#include <asyncio/asyncio.hpp>

const asyncio::context_var<int> request("request");

asyncio::coroutine<> main_task() {
    auto token = request.set(1);
    request.reset(token);
    request.reset(token);
    co_return;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
