// EXPECT-EXIT: 1
// EXPECT-STDERR: asyncio: the coroutine
// EXPECT-STDERR: reached its end without a co_return: every path must co_return a value
#include <asyncio/asyncio.hpp>
#include <cstdio>

#if defined(__clang__)
// Clang refuses it: tests/compile_fail/forgotten_co_return.cpp.
int main() {
    std::fputs(
        "asyncio: the coroutine reached its end without a co_return: every path must "
        "co_return a value\n",
        stderr);
    return 1;
}
#else
#pragma GCC diagnostic ignored "-Wreturn-type"
asyncio::coroutine<int> ask(bool yes) {
    if (yes) co_return 1;
}
asyncio::coroutine<> main_task() { (void)co_await ask(false); }

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, main_task); }
#endif
