// An error that nobody catches ends the program with the chain of awaits that it came through.
//
// EXPECT-EXIT: 1
// EXPECT-STDERR: exception: std::runtime_error: no such user
// EXPECT-STDERR: uncaught.cpp
// EXPECT-STDERR: in async_main
// EXPECT-STDERR: the awaited task 'loader':
// EXPECT-STDERR: in load_page
// EXPECT-STDERR: in find_user
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

asyncio::coroutine<std::string> find_user(int id) {
    co_await asyncio::sleep(10ms);
    if (id != 1) throw std::runtime_error("no such user");
    co_return "Ada";
}

asyncio::coroutine<std::string> load_page(int id) { co_return "Hello, " + co_await find_user(id); }

asyncio::coroutine<> async_main() {
    const auto page = asyncio::create_task({.name = "loader"}, load_page, 2);
    co_await page;
}

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, async_main); }
