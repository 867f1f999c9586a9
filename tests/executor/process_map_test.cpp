#include "asyncio/executor/process_map.hpp"

#include <gtest/gtest.h>

#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "executor/process_functions.hpp"

namespace process_map_test {

using asyncio::process_pool_executor;
using namespace std::chrono_literals;

int square(int x) { return x * x; }
int fail_at_50(int x) {
    if (x == 50) throw std::domain_error("fifty");
    return x;
}
void spin_at(int) { sent::spin(); }

std::vector<int> numbers(int n) {
    std::vector<int> v(static_cast<std::size_t>(n));
    std::iota(v.begin(), v.end(), 0);
    return v;
}

asyncio::coroutine<std::vector<int>> squares(process_pool_executor& pool, int n,
                                             asyncio::process_map_options options) {
    co_return co_await pool.map(square, numbers(n), options);
}

TEST(process_map, gives_the_results_in_order) {
    process_pool_executor pool(2);
    for (const int n : {0, 1, 7, 1000}) {
        for (const std::size_t chunk_size : {0u, 1u, 3u, 5000u}) {
            const asyncio::process_map_options options{.chunk_size = chunk_size};
            const auto results = asyncio::run(squares, std::ref(pool), n, options);
            ASSERT_EQ(results.size(), static_cast<std::size_t>(n));
            for (int i = 0; i < n; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i * i);
        }
    }
}

using steps = std::vector<std::pair<std::size_t, std::size_t>>;

asyncio::coroutine<> map_with_progress(process_pool_executor& pool, steps& seen) {
    const auto note = [&seen](std::size_t done, std::size_t total) {
        seen.emplace_back(done, total);
    };
    co_await pool.map(square, numbers(100), {.chunk_size = 30}, note);
}

TEST(process_map, says_how_far_it_is) {
    process_pool_executor pool(2);
    steps seen;
    asyncio::run(map_with_progress, std::ref(pool), std::ref(seen));
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back(), (steps::value_type{100, 100}));
    for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_LT(seen[i - 1].first, seen[i].first);
}

asyncio::coroutine<> map_of_nothing(process_pool_executor& pool) {
    co_await pool.map([](int) {}, numbers(10));
    const auto even = co_await pool.map([](int x) { return x % 2 == 0; }, numbers(3));
    EXPECT_EQ(even, (std::vector<bool>{true, false, true}));
    const std::vector<std::string> names{"a", "b"};
    const auto greetings = co_await pool.map(sent::greet, names);
    EXPECT_EQ(greetings, (std::vector<std::string>{"hello a", "hello b"}));
    const std::vector<double> lengths{1, 2};
    const sent::scale three{3};
    const auto scaled = co_await pool.map(three, lengths);
    EXPECT_EQ(scaled, (std::vector<double>{3, 6}));
}

TEST(process_map, takes_functions_of_nothing_and_items_of_any_type) {
    process_pool_executor pool(2);
    asyncio::run(map_of_nothing, std::ref(pool));
}

asyncio::coroutine<> map_that_fails(process_pool_executor& pool) {
    co_await pool.map(fail_at_50, numbers(1000), {.chunk_size = 10});
}

TEST(process_map, ends_with_the_first_error) {
    process_pool_executor pool(2);
    EXPECT_THROW(asyncio::run(map_that_fails, std::ref(pool)), std::domain_error);
    EXPECT_EQ(pool.submit(square, 3).result(), 9);
    EXPECT_EQ(pool.pending(), 0u);
}

asyncio::coroutine<> endless(process_pool_executor& pool) {
    co_await pool.map(spin_at, numbers(8), {.chunk_size = 1});
}
asyncio::coroutine<> cancel_a_map(process_pool_executor& pool) {
    const auto task = asyncio::create_task(endless, std::ref(pool));
    while (pool.worker_count() < 2) co_await asyncio::sleep(1ms);
    task.cancel();
    const std::vector tasks{task};
    co_await asyncio::wait(tasks);
    EXPECT_TRUE(task.cancelled());
}

TEST(process_map, kills_its_calls_when_it_is_cancelled) {
    process_pool_executor pool(2);
    asyncio::run(cancel_a_map, std::ref(pool));
    EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

asyncio::coroutine<> start_of_a_map(process_pool_executor& pool) {
    (void)asyncio::create_task(endless, std::ref(pool));
    while (pool.worker_count() < 2) co_await asyncio::sleep(1ms);
}

TEST(process_map, kills_its_calls_when_its_loop_is_dropped) {
    process_pool_executor pool(2);
    testing::internal::CaptureStderr();
    {
        const auto loop = asyncio::new_event_loop();
        loop->run_until_complete(start_of_a_map(pool));
    }
    // The loop says that a task was pending.
    EXPECT_NE(testing::internal::GetCapturedStderr().find("endless"), std::string::npos);
    EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

TEST(process_map, waits_for_room_in_a_bounded_pool) {
    process_pool_executor pool({.max_workers = 2, .max_pending = 1});
    const auto results =
        asyncio::run(squares, std::ref(pool), 100, asyncio::process_map_options{.chunk_size = 1});
    EXPECT_EQ(results.at(99), 99 * 99);
}

asyncio::coroutine<> limited(process_pool_executor& pool) {
    co_await pool.map(spin_at, numbers(1), {.call = {.cpu_time = 20ms}});
}

TEST(process_map, hands_its_limits_to_each_call) {
    process_pool_executor pool(1);
    EXPECT_THROW(asyncio::run(limited, std::ref(pool)), asyncio::broken_process_pool);
}

}  // namespace process_map_test
