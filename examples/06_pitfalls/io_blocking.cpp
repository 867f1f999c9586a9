// A call that blocks does the same to the loop: reading a file, asking a database, a C library. In
// threads such calls overlap, too.
//
// EXPECT-STDOUT: three blocking calls on the loop
// EXPECT-STDOUT: three blocking calls in threads
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

using namespace std::chrono_literals;

double seconds_since(asyncio::time_point start) {
    return std::chrono::duration<double>(asyncio::clock::now() - start).count();
}

// Stands for a library that knows nothing of event loops.
std::string blocking_query(const std::string& table) {
    std::this_thread::sleep_for(100ms);
    return "rows of " + table;
}

asyncio::coroutine<std::string> query(std::string table) { co_return blocking_query(table); }

asyncio::coroutine<> async_main() {
    auto start = asyncio::clock::now();
    co_await asyncio::gather(query("users"), query("orders"), query("prices"));
    std::printf("  three blocking calls on the loop: %.2f s\n", seconds_since(start));

    start = asyncio::clock::now();
    co_await asyncio::gather(asyncio::to_thread(blocking_query, "users"),
                             asyncio::to_thread(blocking_query, "orders"),
                             asyncio::to_thread(blocking_query, "prices"));
    std::printf("  three blocking calls in threads:  %.2f s\n", seconds_since(start));
}

int main() {
    std::puts("Blocking calls belong into threads.");
    asyncio::run(async_main());
}
