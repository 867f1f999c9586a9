#include "asyncio/executor/thread_pool_executor.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <latch>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "executor/manual_executor.hpp"

namespace thread_pool_executor_test {

using asyncio::concurrent_future;
using asyncio::thread_pool_executor;
using namespace std::chrono_literals;

std::string thread_name() {
    char name[32] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    return name;
}

TEST(thread_pool_executor, starts_a_thread_only_if_none_is_idle) {
    const asyncio::thread_pool_options roomy{.max_workers = 100};
    thread_pool_executor pool(roomy);
    EXPECT_EQ(pool.max_workers(), 100u);
    EXPECT_EQ(pool.thread_count(), 0u);
    for (int i = 0; i < 100; ++i) pool.submit([] {}).result();
    // A thread is idle again only a moment after the result is there.
    EXPECT_LT(pool.thread_count(), 10u);
}

TEST(thread_pool_executor, grows_to_its_limit) {
    thread_pool_executor pool(3);
    std::counting_semaphore<8> go(0);
    std::latch three_run(3);
    std::vector<concurrent_future<>> jobs;
    for (int i = 0; i < 8; ++i)
        jobs.push_back(pool.submit([&] {
            if (!three_run.try_wait()) three_run.arrive_and_wait();
            go.acquire();
        }));
    three_run.wait();
    EXPECT_EQ(pool.thread_count(), 3u);
    go.release(8);
    for (const auto& f : jobs) f.result();
    EXPECT_EQ(pool.thread_count(), 3u);
}

TEST(thread_pool_executor, has_a_few_threads_more_than_cores_by_default) {
    const thread_pool_executor pool;
    EXPECT_EQ(pool.max_workers(),
              std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4));
}

TEST(thread_pool_executor, runs_jobs_in_the_order_of_their_coming) {
    thread_pool_executor pool(1);
    std::string order;
    for (const char c : std::string("abcdef")) pool.submit([&order, c] { order += c; });
    pool.shutdown();
    EXPECT_EQ(order, "abcdef");
}

TEST(thread_pool_executor, names_its_threads) {
    thread_pool_executor pool({.max_workers = 1, .thread_name_prefix = "resize"});
    EXPECT_EQ(pool.submit(thread_name).result(), "resize_0");
    thread_pool_executor wordy({.max_workers = 1, .thread_name_prefix = "a-name-without-an-end"});
    EXPECT_EQ(wordy.submit(thread_name).result(), "a-name-withou_0");
    thread_pool_executor usual(1);
    EXPECT_EQ(usual.submit(thread_name).result(), "thread-pool_0");
}

TEST(thread_pool_executor, needs_a_worker) {
    EXPECT_EQ(
        error_of([] { thread_pool_executor pool({.max_workers = 0}); }),
        "std::invalid_argument: asyncio: thread_pool_executor: max_workers is 0; a pool needs "
        "at least one thread");
}

TEST(thread_pool_executor, takes_nothing_after_its_shutdown) {
    thread_pool_executor pool({.max_workers = 1, .thread_name_prefix = "disk"});
    EXPECT_EQ(pool.shutdown(), 0u);
    EXPECT_EQ(pool.shutdown(), 0u);
    EXPECT_EQ(error_of([&] { pool.submit([] {}); }),
              "std::runtime_error: asyncio: the thread pool 'disk' has been shut down: it takes no "
              "more jobs");
}

TEST(thread_pool_executor, runs_what_is_queued_before_it_ends) {
    std::atomic<int> ran = 0;
    {
        thread_pool_executor pool(2);
        for (int i = 0; i < 50; ++i) pool.submit([&ran] { ++ran; });
    }
    EXPECT_EQ(ran, 50);
}

TEST(thread_pool_executor, drops_what_is_queued_if_asked) {
    thread_pool_executor pool(1);
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    const auto running = pool.submit([&] {
        begun.release();
        go.acquire();
        return 1;
    });
    const auto queued = pool.submit([] { return 2; });
    begun.acquire();
    EXPECT_EQ(pool.shutdown({.timeout = 0s, .pending = asyncio::pending_jobs::cancel}), 1u);
    EXPECT_TRUE(queued.cancelled());
    EXPECT_TRUE(running.running());
    go.release();
    EXPECT_EQ(pool.shutdown({.pending = asyncio::pending_jobs::run}), 0u);
    EXPECT_EQ(running.result(), 1);
}

TEST(thread_pool_executor, waits_for_its_threads_at_most_the_timeout) {
    std::binary_semaphore go(0);
    concurrent_future<int> late;
    {
        thread_pool_executor pool(2);
        late = pool.submit([&] {
            go.acquire();
            return 5;
        });
        EXPECT_EQ(pool.shutdown({.timeout = 1ms}), 1u);
    }
    EXPECT_FALSE(late.done()) << "the pool is gone, its thread is not";
    go.release();
    EXPECT_EQ(late.result(), 5);
}

TEST(thread_pool_executor, does_not_wait_for_itself) {
    auto pool = std::make_unique<thread_pool_executor>(1);
    const auto f = pool->submit([&pool] { return error_of([&pool] { pool->shutdown(); }); });
    EXPECT_EQ(f.result(),
              "std::runtime_error: asyncio: thread_pool_executor::shutdown: a job cannot wait for "
              "the end of its own thread; call shutdown({.timeout = 0s})");
    std::binary_semaphore gone(0);
    thread_pool_executor& p = *pool;
    p.submit([&pool, &gone] {
        pool.reset();  // a job may drop the last handle on its pool
        gone.release();
    });
    gone.acquire();
}

TEST(thread_pool_executor, forgets_cancelled_jobs_while_it_is_stuck) {
    thread_pool_executor pool(1);
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    pool.submit([&] {
        begun.release();
        go.acquire();
    });
    begun.acquire();
    int alive = 0;
    const counted argument(alive);
    std::vector<std::weak_ptr<int>> values;
    for (int i = 0; i < 1000; ++i) {
        auto value = std::make_shared<int>(i);
        values.emplace_back(value);
        const auto f = pool.submit([](const counted&, const auto&) {}, argument, std::move(value));
        EXPECT_TRUE(f.cancel());
    }
    EXPECT_EQ(alive, 1);
    const auto last = pool.submit([] { return 3; });
    go.release();
    EXPECT_EQ(last.result(), 3);
    for (const auto& v : values) EXPECT_TRUE(v.expired());
}

TEST(thread_pool_executor, is_used_by_many_threads) {
    thread_pool_executor pool(3);
    std::atomic<int> ran = 0;
    std::vector<std::thread> users;
    for (int i = 0; i < 4; ++i)
        users.emplace_back([&] {
            for (int n = 0; n < 500; ++n) {
                const auto f = pool.submit([&ran] { ++ran; });
                if (n % 3 == 0 && f.cancel()) --ran, ++ran;
                if (n % 50 == 0 && !f.cancelled()) f.result();
            }
        });
    for (std::thread& t : users) t.join();
    pool.shutdown();
    EXPECT_GT(ran, 0);
    EXPECT_EQ(pool.thread_count(), 0u);
}

}  // namespace thread_pool_executor_test
