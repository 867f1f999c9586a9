// Calls in other processes from a program that check.py links in every way.
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/check.hpp"

#if LINKED_WITH_PLUGIN
extern "C" int cube(int x);
#else
extern "C" int cube(int x) { return x * x * x; }
#endif

namespace {

std::vector<double> doubled(std::vector<double> numbers) {
    for (double& x : numbers) x *= 2;
    return numbers;
}
int fail(const std::string& text) { throw std::out_of_range(text); }

asyncio::coroutine<int> cube_on_the_loop(asyncio::process_pool_executor& pool) {
    co_return co_await asyncio::get_running_loop().run_in_executor(&pool, cube, 2);
}

}  // namespace

int main() {
    asyncio::process_pool_executor pool(2);
    support::check(asyncio::run(cube_on_the_loop, std::ref(pool)) == 8);
    support::check(pool.submit([](int x) { return x + 1; }, 41).result() == 42);
    const std::vector<double> many(100'000, 1.0);
    support::check(pool.submit(doubled, many).result() == std::vector<double>(100'000, 2.0));
    std::string text;
    try {
        pool.submit(fail, "as itself").result();
    } catch (const std::out_of_range& e) {
        text = e.what();
    }
    support::check(text == "as itself");
}
