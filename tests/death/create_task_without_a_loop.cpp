// EXPECT-EXIT: 3
// EXPECT-STDOUT: asyncio: create_task: no event loop runs in this thread; call it inside a
// EXPECT-STDOUT: coroutine that was started with asyncio::run(...)
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <exception>

asyncio::coroutine<> work() { co_return; }

int main() {
    try {
        (void)asyncio::create_task(work());
    } catch (const std::exception& e) {
        std::puts(e.what());
        return 3;
    }
}
