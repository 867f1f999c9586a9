// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: this result cannot be copied and other handles share it: co_await the
// EXPECT-STDERR: named future to get a reference, or drop the other handles
#include <asyncio/asyncio.hpp>
#include <memory>

asyncio::coroutine<std::unique_ptr<int>> make() { co_return std::make_unique<int>(1); }
asyncio::coroutine<> main_task() {
    auto t = asyncio::create_task(make());
    const auto other = t;
    const auto p = co_await std::move(t);
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
