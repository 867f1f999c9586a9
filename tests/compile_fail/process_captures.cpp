// A lambda brings its captures along.
// EXPECT: a lambda with captures cannot be sent to another process: pass what it captures as
// arguments
#include <asyncio/process_pool.hpp>
#include <string>

int length(asyncio::process_pool_executor& pool, std::string text) {
    return static_cast<int>(pool.submit([text] { return text.size(); }).result());
}
