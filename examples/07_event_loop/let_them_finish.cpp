// run() cancels what is left when main is done. A loop of your own can end otherwise: here, on
// stop, the remaining tasks get half a second to finish, and only then are cancelled.
//
// EXPECT-STDOUT: stop asked; 3 tasks remain
// EXPECT-STDOUT: order 1 saved
// EXPECT-STDOUT: order 2 saved
// EXPECT-STDOUT: order 3 was given up
// EXPECT-STDOUT: no task left
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

asyncio::coroutine<> save(int order, std::chrono::milliseconds wait) {
    try {
        co_await asyncio::sleep(wait);
        std::printf("  order %d saved\n", order);
    } catch (const asyncio::cancelled_error&) {
        std::printf("  order %d was given up\n", order);
        throw;
    }
}

asyncio::coroutine<> finish(std::vector<asyncio::task<>> tasks, asyncio::delay patience) {
    auto [done, late] = co_await asyncio::wait(tasks, {.timeout = patience});
    for (const auto& task : late) task.cancel("no time left");
    co_await asyncio::gather(asyncio::return_exceptions, late);
}

int main() {
    std::puts("How a loop ends can be your own decision.");
    const auto loop = asyncio::new_event_loop();
    loop->create_task(save, 1, 200ms);
    loop->create_task(save, 2, 300ms);
    loop->create_task(save, 3, 1h);
    loop->call_later(100ms, [&] { loop->stop(); });  // or: add_signal_handler(SIGTERM, ...)
    loop->run_forever();

    const auto tasks = asyncio::all_tasks(loop.get());
    std::printf("  stop asked; %zu tasks remain\n", tasks.size());
    loop->run_until_complete(finish(tasks, 500ms));
    std::printf("  %s\n", asyncio::all_tasks(loop.get()).empty() ? "no task left" : "tasks left");
    loop->close();
}
