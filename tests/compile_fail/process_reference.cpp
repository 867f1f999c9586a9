// Another process would change a copy.
// EXPECT: take values, and return what has changed
#include <asyncio/process_pool.hpp>

void grow(int& number) { ++number; }

void app(asyncio::process_pool_executor& pool, int number) { pool.submit(grow, number).result(); }
