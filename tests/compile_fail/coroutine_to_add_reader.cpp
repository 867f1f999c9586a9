// EXPECT: this callable returns a coroutine, which nobody would await: use create_task(f,
// EXPECT: args...)
#include <asyncio/asyncio.hpp>

asyncio::coroutine<> on_readable(int) { co_return; }

void start(asyncio::event_loop& loop, int fd) { loop.add_reader(fd, on_readable, fd); }
