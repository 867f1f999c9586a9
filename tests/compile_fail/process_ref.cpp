// std::ref does not reach into another process.
// EXPECT: std::ref refers to memory of this process: send a value
#include <asyncio/process_pool.hpp>
#include <functional>

void grow(int& number) { ++number; }

void app(asyncio::process_pool_executor& pool, int number) {
    pool.submit(grow, std::ref(number)).result();
}
