// A vector can be sent, its elements cannot.
// EXPECT: this type cannot be sent to another process: give it template <class Archive> void
// serialize
#include <asyncio/process_pool.hpp>
#include <vector>

struct page {
    int number = 0;
    void* data = nullptr;
};

std::size_t count(const std::vector<page>& pages) { return pages.size(); }

std::size_t app(asyncio::process_pool_executor& pool, const std::vector<page>& pages) {
    return pool.submit(count, pages).result();
}
