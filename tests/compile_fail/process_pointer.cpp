// A pointer is sent.
// EXPECT: a pointer means nothing in another process: send what it points to
#include <asyncio/process_pool.hpp>

int first(const int* numbers) { return *numbers; }

int app(asyncio::process_pool_executor& pool, const int* numbers) {
    return pool.submit(first, numbers).result();
}
