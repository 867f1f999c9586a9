// EXPECT-EXIT: SIGTERM
// EXPECT-STDOUT: Hello
// EXPECT-STDOUT: cleaned up
#include <asyncio/asyncio.hpp>
#include <csignal>
#include <cstdio>

struct cleaner {
    ~cleaner() { std::puts("cleaned up"); }
};

asyncio::coroutine<> hello() {
    const cleaner at_the_end;
    std::puts("Hello");
    std::raise(SIGTERM);
    co_await asyncio::sleep(std::chrono::hours(1));
}

int main() { asyncio::run(hello()); }
