// EXPECT-EXIT: SIGABRT
// EXPECT-STDERR: asyncio: a running event loop was destroyed; let run_forever() return first
#include <asyncio/asyncio.hpp>

int main() {
    auto loop = asyncio::new_event_loop();
    loop->call_soon([&] { loop.reset(); });
    loop->run_forever();
}
