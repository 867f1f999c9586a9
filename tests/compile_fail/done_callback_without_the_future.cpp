// EXPECT: a done callback is called with the future: write [](asyncio::future<T> f) { ... }
#include <asyncio/asyncio.hpp>

void watch(const asyncio::future<int>& f) {
    f.add_done_callback([] {});
}
