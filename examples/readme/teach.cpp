// The pieces of README.md, in one program.
//
// EXPECT-STDOUT: tasks: 3
// EXPECT-STDOUT: gather: 6
// EXPECT-STDOUT: one failed: no such page
// EXPECT-STDOUT: cancelled: no longer needed
// EXPECT-STDOUT: too slow
// EXPECT-STDOUT: longer than expected
// EXPECT-STDOUT: the task group gave 30
// EXPECT-STDOUT: 1 of the group failed
// EXPECT-STDOUT: computed 42 in a thread
// EXPECT-STDOUT: the queue gave 0 1 2
// EXPECT-STDOUT: echo: hi
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

asyncio::coroutine<int> fetch(int page) {
    co_await asyncio::sleep(10ms);
    if (page == 404) throw std::runtime_error("no such page");
    co_return page;
}

asyncio::coroutine<> tasks() {
    const auto first = asyncio::create_task(fetch, 1);  // both run from now on,
    const auto second = asyncio::create_task(fetch, 2);
    const int sum = co_await first + co_await second;  // while we wait
    std::printf("tasks: %d\n", sum);
}

asyncio::coroutine<> gathering() {
    const auto [a, b, c] = co_await asyncio::gather(fetch(1), fetch(2), fetch(3));
    std::printf("gather: %d\n", a + b + c);

    std::vector<asyncio::coroutine<int>> many;
    for (const int page : {1, 2, 404}) many.push_back(fetch(page));
    for (const auto& outcome :
         co_await asyncio::gather(asyncio::return_exceptions, std::move(many))) {
        try {
            outcome.value();
        } catch (const std::exception& e) {
            std::printf("one failed: %s\n", e.what());
        }
    }
}

asyncio::coroutine<> cancelling() {
    const auto task = asyncio::create_task(asyncio::sleep(1h));
    co_await asyncio::sleep(1ms);
    task.cancel("no longer needed");
    try {
        co_await task;
    } catch (const asyncio::cancelled_error& e) {  // not a std::exception
        std::printf("cancelled: %s\n", std::string(e.message()).c_str());
    }
}

asyncio::coroutine<> limiting() {
    try {
        co_await asyncio::wait_for(asyncio::sleep(1h), 10ms);
    } catch (const asyncio::timeout_error&) {
        std::puts("too slow");
    }

    const auto report = asyncio::create_task(fetch, 7);
    try {
        co_await asyncio::wait_for(asyncio::shield(report), 1ms);
    } catch (const asyncio::timeout_error&) {
        std::puts("longer than expected");
    }
    co_await report;  // it was not cancelled
}

asyncio::coroutine<> grouping() {
    asyncio::task<int> a, b;
    co_await asyncio::with(asyncio::task_group(), [&](auto& group) -> asyncio::coroutine<> {
        a = group.create_task(fetch, 10);
        b = group.create_task(fetch, 20);
        co_return;
    });  // waits for both; if one fails, the other is cancelled
    std::printf("the task group gave %d\n", a.result() + b.result());

    try {
        co_await asyncio::with(asyncio::task_group(), [](auto& group) -> asyncio::coroutine<> {
            group.create_task(fetch, 404);
            group.create_task(asyncio::sleep(1h));
            co_return;
        });
    } catch (const asyncio::exception_group& e) {
        std::printf("%zu of the group failed\n", e.exceptions().size());
    }
}

int slow_square_root(int n) {
    int root = 0;
    while (root * root < n) ++root;
    return root;
}

asyncio::coroutine<> threads() {
    const int root = co_await asyncio::to_thread(slow_square_root, 42 * 42);
    std::printf("computed %d in a thread\n", root);
}

asyncio::coroutine<> produce(asyncio::queue<int>& items) {
    for (int i = 0; i < 3; ++i) co_await items.put(i);
    items.shutdown();
}

asyncio::coroutine<> queueing() {
    asyncio::queue<int> items(2);  // at most two; put() waits while it is full
    const auto producer = asyncio::create_task(produce, std::ref(items));
    std::printf("the queue gave");
    try {
        for (;;) {
            const int item = co_await items.get();
            std::printf(" %d", item);
        }
    } catch (const asyncio::queue_shut_down&) {
        std::puts("");
    }
    co_await producer;
}

asyncio::coroutine<> echo(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    const std::string line = co_await reader.readline();
    writer.write("echo: " + line);
    co_await writer.drain();
}  // dropping the writer closes the connection

asyncio::coroutine<> streaming() {
    const auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);

    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", server.port());
    writer.write("hi\n");
    const std::string answer = co_await reader.readline();
    std::printf("%s", answer.c_str());
}

asyncio::coroutine<> async_main() {
    co_await tasks();
    co_await gathering();
    co_await cancelling();
    co_await limiting();
    co_await grouping();
    co_await threads();
    co_await queueing();
    co_await streaming();
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, async_main); }
