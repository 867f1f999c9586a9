// Ten tasks that wait 0.3 seconds each take 0.3 seconds together: their waiting overlaps.
//
// EXPECT-STDOUT: ten in turn
// EXPECT-STDOUT: ten as tasks
// EXPECT-STDOUT: ten with gather
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

double seconds_since(asyncio::time_point start) {
    return std::chrono::duration<double>(asyncio::clock::now() - start).count();
}

asyncio::coroutine<int> square(int number, std::chrono::milliseconds wait) {
    co_await asyncio::sleep(wait);
    co_return number* number;
}

asyncio::coroutine<> async_main() {
    auto start = asyncio::clock::now();
    int sum = 0;
    for (int i = 1; i <= 10; ++i) sum += co_await square(i, 30ms);
    std::printf("  ten in turn, 0.03 s each:    %.2f s   (sum %d)\n", seconds_since(start), sum);

    start = asyncio::clock::now();
    std::vector<asyncio::task<int>> tasks;
    for (int i = 1; i <= 10; ++i) tasks.push_back(asyncio::create_task(square, i, 300ms));
    sum = 0;
    for (const auto& task : tasks) sum += co_await task;
    std::printf("  ten as tasks, 0.30 s each:   %.2f s   (sum %d)\n", seconds_since(start), sum);

    // The same in one line: gather makes the tasks and gives all results, in order.
    start = asyncio::clock::now();
    std::vector<asyncio::coroutine<int>> squares;
    for (int i = 1; i <= 10; ++i) squares.push_back(square(i, 300ms));
    sum = 0;
    for (const int s : co_await asyncio::gather(std::move(squares))) sum += s;
    std::printf("  ten with gather, 0.30 s each: %.2f s  (sum %d)\n", seconds_since(start), sum);
}

int main() {
    std::puts("Tasks overlap their waiting.");
    asyncio::run(async_main());
}
