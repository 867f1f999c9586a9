// EXPECT: a coroutine becomes a task once: write create_task(std::move(c))
#include <asyncio/asyncio.hpp>

asyncio::coroutine<int> main_task() { co_return 1; }

int main() {
    auto c = main_task();
    return asyncio::run(c);
}
