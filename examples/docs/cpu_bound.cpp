// What docs/cpu_bound.md says, as a program.
//
// EXPECT-STDOUT: 168 primes below 1000
// EXPECT-STDOUT: 9592 primes below 100000
// EXPECT-STDOUT: 100 of 100
// EXPECT-STDOUT: no longer than 50 ms
// EXPECT-STDOUT: row 3: not a number
// EXPECT-STDOUT: ended by SIGKILL
#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int count_primes(int below) {
    int count = 0;
    for (int n = 2; n < below; ++n) {
        bool prime = true;
        for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
        if (prime) ++count;
    }
    return count;
}

asyncio::coroutine<> in_threads() {
    asyncio::thread_pool_executor cores(std::thread::hardware_concurrency());
    auto& loop = asyncio::get_running_loop();
    const int primes = co_await loop.run_in_executor(&cores, count_primes, 1000);
    std::printf("%d primes below 1000\n", primes);
}

asyncio::coroutine<> in_processes(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    const int primes = co_await loop.run_in_executor(&pool, count_primes, 100'000);
    std::printf("%d primes below 100000\n", primes);
}

struct cell {
    int row = 0;
    double value = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(row, value);
    }
};
double cost(const cell& c) { return c.row * c.value; }

asyncio::coroutine<> all_cells(asyncio::process_pool_executor& pool) {
    std::vector<cell> cells(100);
    const auto progress = [](std::size_t done, std::size_t total) {
        if (done == total) std::printf("%zu of %zu\n", done, total);
    };
    const std::vector<double> costs =
        co_await pool.map(cost, std::move(cells), {.chunk_size = 10}, progress);
}

asyncio::coroutine<> limited(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    try {
        const int primes =
            co_await loop.run_in_executor(&pool, {.cpu_time = 50ms}, count_primes, 2'000'000'000);
        std::printf("%d\n", primes);
    } catch (const asyncio::broken_process_pool&) {
        std::puts("no longer than 50 ms");
    }
}

struct not_a_number : std::runtime_error {
    explicit not_a_number(const std::string& what) : std::runtime_error(what) {}
};
double parse(int row) { throw not_a_number("row " + std::to_string(row) + ": not a number"); }
int kill_yourself() { return std::raise(SIGKILL); }

asyncio::coroutine<> errors(asyncio::process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    try {
        co_await loop.run_in_executor(&pool, parse, 3);
    } catch (const not_a_number& e) {
        std::puts(e.what());
    }
    try {
        co_await loop.run_in_executor(&pool, kill_yourself);
    } catch (const asyncio::broken_process_pool& e) {
        std::puts(e.what());
    }
}

asyncio::coroutine<> app(asyncio::process_pool_executor& pool) {
    co_await in_threads();
    co_await in_processes(pool);
    co_await all_cells(pool);
    co_await limited(pool);
    co_await errors(pool);
}

int main() {
    asyncio::register_exception<not_a_number>();
    asyncio::process_pool_executor pool;  // first of all: no thread may run yet
    asyncio::run(app(pool));
}
