// EXPECT-EXIT: 3
// EXPECT-STDOUT: asyncio: the event loop was stopped before the future was done; run it again to
// EXPECT-STDOUT: go on
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <exception>

int main() {
    const auto loop = asyncio::new_event_loop();
    const auto f = loop->create_future<int>();
    loop->call_soon([&] { loop->stop(); });
    try {
        (void)loop->run_until_complete(f);
    } catch (const std::exception& e) {
        std::puts(e.what());
        return 3;
    }
}
