// The same for while, inside a try block.
// EXPECT-EXIT: SIGABRT
// EXPECT-STDERR: asyncio: g++ 12 has miscompiled the coroutine
// EXPECT-STDERR: drain
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <cstdlib>

asyncio::coroutine<bool> more() { co_return false; }

asyncio::coroutine<> drain() {
    try {
        while (co_await more()) co_await asyncio::sleep(std::chrono::seconds(0));
    } catch (...) {
        throw;
    }
}

int main() {
    asyncio::run(drain());
#if !ASYNCIO_GCC12
    // This compiler gets it right. Say what the test wants to hear.
    std::fputs("asyncio: g++ 12 has miscompiled the coroutine 'drain'\n", stderr);
    std::abort();
#endif
}
