// EXPECT: an exception handler is called with (asyncio::event_loop& loop, const
#include <asyncio/asyncio.hpp>

void install(asyncio::event_loop& loop) {
    loop.set_exception_handler([](const asyncio::exception_context&) {});
}
