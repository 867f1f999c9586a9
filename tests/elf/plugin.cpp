// A shared object with functions to call in other processes, and one that calls from here.
#include <asyncio/process_pool.hpp>

extern "C" int cube(int x) { return x * x * x; }

extern "C" int cube_in_a_process(asyncio::process_pool_executor& pool, int x) {
    return pool.submit([](int side) { return cube(side); }, x).result();
}
