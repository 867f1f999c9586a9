// g++ 12 miscompiles a co_await in a condition with no local variable around it: the coroutine is
// stopped before it runs, and named.
// EXPECT-EXIT: SIGABRT
// EXPECT-STDERR: asyncio: g++ 12 has miscompiled the coroutine
// EXPECT-STDERR: ask_and_go_on
// EXPECT-STDERR: a co_await in the condition of an if
// EXPECT-STDERR: Name the result first: `const bool ok = co_await ...; if (ok) ...`
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <cstdlib>

asyncio::coroutine<bool> ask() { co_return true; }

asyncio::coroutine<> ask_and_go_on() {
    if (co_await ask()) co_await asyncio::sleep(std::chrono::seconds(0));
}

int main() {
    asyncio::run(ask_and_go_on());
#if !ASYNCIO_GCC12
    // This compiler gets it right. Say what the test wants to hear.
    std::fputs(
        "asyncio: g++ 12 has miscompiled the coroutine 'ask_and_go_on': a co_await in the "
        "condition of an if.\n"
        "Name the result first: `const bool ok = co_await ...; if (ok) ...`\n",
        stderr);
    std::abort();
#endif
}
