// The text stays in the other process.
// EXPECT: a view refers to memory of one process: send or return a std::vector or a std::string
#include <asyncio/process_pool.hpp>
#include <string>
#include <string_view>

std::string_view name(int) { return "name"; }

std::string app(asyncio::process_pool_executor& pool) {
    return std::string(pool.submit(name, 1).result());
}
