// Somebody else's project: it includes everything in two files, with every warning, and links.
#include <asyncio/asyncio.hpp>
#include <asyncio/testing.hpp>
#include <chrono>

asyncio::coroutine<int> other();

namespace {
asyncio::coroutine<int> answer() {
    using namespace std::chrono_literals;
    co_await asyncio::sleep(1ms);
    auto task = asyncio::create_task(other(), {.name = "other"});
    auto [left, right] = co_await asyncio::gather(std::move(task), other());
    co_return left + right;
}
}  // namespace

int main() { return asyncio::run(answer()) == 42 ? 0 : 1; }
