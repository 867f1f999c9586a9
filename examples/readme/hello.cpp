// EXPECT-STDOUT: Hello ...
// EXPECT-STDOUT: ... World!
#include <asyncio/asyncio.hpp>
#include <cstdio>

asyncio::coroutine<> hello() {
    std::puts("Hello ...");
    co_await asyncio::sleep(std::chrono::seconds(1));
    std::puts("... World!");
}

int main() { asyncio::run(hello()); }
