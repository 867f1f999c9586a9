// EXPECT-EXIT: 3
// EXPECT-STDOUT: asyncio: call_soon: the event loop is closed
// EXPECT-STDOUT: asyncio: the event loop is closed; make a new one
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <exception>

int main() {
    const auto loop = asyncio::new_event_loop();
    loop->close();
    try {
        loop->call_soon([] {});
    } catch (const std::exception& e) {
        std::puts(e.what());
    }
    try {
        loop->run_forever();
    } catch (const std::exception& e) {
        std::puts(e.what());
        return 3;
    }
}
