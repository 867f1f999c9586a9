// Threads against loops, many times over. What these tests look for is found by the sanitizers.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"

namespace stress_test {

using asyncio::concurrent_future;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::future;
using asyncio::task;
using namespace std::chrono_literals;

// ---- call_soon_threadsafe ----

constexpr int posting_threads = 4;
constexpr int posts_per_thread = 25'000;

struct arrivals {
    int last[posting_threads] = {};
    int count = 0;
    bool in_order = true;
};

void arrive(event_loop& loop, arrivals& all, int thread, int number) {
    all.in_order = all.in_order && all.last[thread] == number;
    all.last[thread] = number + 1;
    if (++all.count == posting_threads * posts_per_thread) loop.stop();
}

TEST(stress, a_hundred_thousand_posts_from_four_threads) {
    const auto loop = asyncio::new_event_loop();
    arrivals all;
    std::vector<std::thread> threads;
    for (int t = 0; t < posting_threads; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < posts_per_thread; ++i)
                loop->call_soon_threadsafe(arrive, std::ref(*loop), std::ref(all), t, i);
        });
    loop->run_forever();
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(all.count, posting_threads * posts_per_thread);
    EXPECT_TRUE(all.in_order) << "each thread's posts run in its order";
}

TEST(stress, posts_against_a_loop_that_closes) {
    for (int round = 0; round < 200; ++round) {
        const auto loop = asyncio::new_event_loop();
        std::atomic<int> ran = 0;
        const int enough = 20 + round;
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t)
            threads.emplace_back([&] {
                try {
                    for (;;) {
                        loop->call_soon_threadsafe([&] {
                            if (++ran == enough) loop->stop();
                        });
                        std::this_thread::yield();
                    }
                } catch (const std::runtime_error&) {
                    // the loop is closed
                }
            });
        loop->run_forever();
        loop->close();
        for (std::thread& t : threads) t.join();
    }
}

// ---- to_thread ----

std::string work(const std::shared_ptr<std::atomic<int>>& done, std::string text, int spins) {
    for (int i = 0; i < spins; ++i) std::this_thread::yield();
    ++*done;
    if (spins == 3) throw std::runtime_error(text);
    return text + text;
}

constexpr auto payload = "a text that is long enough to be allocated";

coroutine<int> ask_a_thread(std::shared_ptr<std::atomic<int>> done, int spins) {
    try {
        const std::string text =
            co_await asyncio::to_thread(work, done, std::string(payload), spins);
        co_return static_cast<int>(text.size());
    } catch (const std::runtime_error&) {
        co_return 0;
    }
}

coroutine<> storm(unsigned seed, int requests, bool wait_for_all) {
    std::minstd_rand random(seed);
    auto done = std::make_shared<std::atomic<int>>(0);
    std::vector<task<int>> tasks;
    for (int i = 0; i < requests; ++i) {
        const int spins = static_cast<int>(random() % 8);
        tasks.push_back(asyncio::create_task(ask_a_thread(done, spins)));
        if (random() % 3 == 0) co_await asyncio::sleep(0s);
        if (random() % 2 == 0) tasks[random() % tasks.size()].cancel();
    }
    if (!wait_for_all) co_return;
    for (task<int>& t : tasks) {
        const auto end = co_await asyncio::as_outcome(t);
        EXPECT_TRUE(end.has_value() || end.cancelled());
    }
}

TEST(stress, cancel_storm_of_to_thread) { asyncio::run(storm(1, 5'000, true)); }

TEST(stress, a_thousand_random_shutdowns) {
    for (unsigned seed = 0; seed < 1'000; ++seed) asyncio::run(storm(seed, 8, seed % 2 == 0));
}

TEST(stress, threads_that_are_later_than_their_loops) {
    // Loops are closed and freed while jobs run; the pool outlives them all.
    asyncio::thread_pool_executor pool(4);
    auto done = std::make_shared<std::atomic<int>>(0);
    std::minstd_rand random(7);
    for (int round = 0; round < 1'000; ++round) {
        auto loop = asyncio::new_event_loop();
        std::vector<future<std::string>> kept;
        for (int i = 0; i < 4; ++i)
            kept.push_back(loop->run_in_executor(&pool, work, done, std::string(payload),
                                                 static_cast<int>(random() % 3)));
        if (round % 2 == 0) kept[1].cancel();
        if (round % 3 == 0) kept.pop_back();
        if (round % 4 == 0) loop->run_ready();
        loop.reset();
    }
    EXPECT_EQ(pool.shutdown(), 0u);
}

TEST(stress, default_pools_that_are_left_behind) {
    auto done = std::make_shared<std::atomic<int>>(0);
    std::vector<std::weak_ptr<int>> alive;
    for (int round = 0; round < 300; ++round) {
        const auto loop = asyncio::new_event_loop();
        for (int i = 0; i < 3; ++i) {
            auto argument = std::make_shared<int>(i);
            alive.emplace_back(argument);
            const auto job = [done](const std::shared_ptr<int>&) { ++*done; };
            loop->run_in_executor(nullptr, job, std::move(argument));
        }
        if (round % 2 == 0) loop->run_ready();
    }
    for (const auto& a : alive)
        while (!a.expired()) std::this_thread::yield();
}

// ---- run_coroutine_threadsafe ----

coroutine<int> answer(int value, int turns) {
    for (int i = 0; i < turns; ++i) co_await asyncio::sleep(0s);
    if (turns == 3) throw std::runtime_error("no answer");
    co_return value;
}

void ask_a_loop(event_loop& loop, unsigned seed, int requests) {
    std::minstd_rand random(seed);
    for (int i = 0; i < requests; ++i) {
        const int turns = static_cast<int>(random() % 5);
        const concurrent_future<int> f = asyncio::run_coroutine_threadsafe(answer(i, turns), loop);
        switch (random() % 4) {
            case 0:
                f.cancel();
                break;
            case 1:
                try {
                    (void)f.result(10us);
                } catch (const asyncio::timeout_error&) {
                    f.cancel();
                } catch (const std::runtime_error&) {
                    EXPECT_EQ(turns, 3);
                }
                break;
            default:
                try {
                    EXPECT_EQ(f.result(), i);
                } catch (const std::runtime_error&) {
                    EXPECT_EQ(turns, 3);
                }
        }
    }
}

TEST(stress, coroutines_from_many_threads) {
    const auto loop = asyncio::new_event_loop();
    std::thread runner([&loop] { loop->run_forever(); });
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 8; ++t)
        threads.emplace_back([&loop, t] { ask_a_loop(*loop, t, 500); });
    for (std::thread& t : threads) t.join();
    loop->call_soon_threadsafe([&loop] { loop->stop(); });
    runner.join();
}

coroutine<int> wait_long() {
    co_await asyncio::sleep(1h);
    co_return 1;
}

/// Asks until the loop refuses; every future ends.
void ask_until_the_end(event_loop& loop, std::atomic<int>& asked) {
    std::vector<concurrent_future<int>> futures;
    try {
        for (std::size_t i = 0;; ++i) {
            if (asked++ == 40) loop.call_soon_threadsafe([&loop] { loop.stop(); });
            futures.push_back(
                asyncio::run_coroutine_threadsafe(i % 2 == 0 ? answer(1, 0) : wait_long(), loop));
            if (i % 5 == 0) futures[i / 2].cancel();
            std::this_thread::yield();
        }
    } catch (const std::runtime_error&) {
        // the loop is closed
    }
    for (const concurrent_future<int>& f : futures) {
        try {
            (void)f.result();
        } catch (const asyncio::cancelled_error&) {
        }
    }
}

TEST(stress, coroutines_against_a_loop_that_closes) {
    for (int round = 0; round < 100; ++round) {
        const auto loop = asyncio::new_event_loop();
        loop->set_exception_handler([](event_loop&, const asyncio::exception_context&) {});
        std::atomic<int> asked = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) threads.emplace_back([&] { ask_until_the_end(*loop, asked); });
        loop->run_forever();
        loop->close();
        for (std::thread& t : threads) t.join();
    }
}

coroutine<int> there_and_back(int depth) {
    if (depth == 0) co_return 1;
    event_loop& loop = asyncio::get_running_loop();
    const auto job = [&loop, depth] {
        return asyncio::run_coroutine_threadsafe(there_and_back(depth - 1), loop).result();
    };
    co_return 1 + co_await asyncio::to_thread(job);
}

coroutine<> many_there_and_back() {
    std::vector<coroutine<int>> all;
    for (int i = 0; i < 100; ++i) all.push_back(there_and_back(2));
    asyncio::get_running_loop().set_default_executor(
        std::make_unique<asyncio::thread_pool_executor>(250));
    const std::vector<int> depths = co_await asyncio::gather(std::move(all));
    for (const int d : depths) EXPECT_EQ(d, 3);
}

TEST(stress, from_the_loop_to_threads_and_back) { asyncio::run(many_there_and_back()); }

}  // namespace stress_test
