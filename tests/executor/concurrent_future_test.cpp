#include "asyncio/executor/concurrent_future.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"

namespace concurrent_future_test {

using asyncio::concurrent_future;
using namespace std::chrono_literals;

int fail() { throw std::runtime_error("out of paper"); }

TEST(concurrent_future, gives_the_result_of_another_thread) {
    asyncio::thread_pool_executor pool(1);
    const concurrent_future<std::string> f = pool.submit([] { return std::string("done"); });
    EXPECT_EQ(f.result(), "done");
    EXPECT_EQ(f.result(), "done") << "a named future can be asked again";
    EXPECT_TRUE(f.done());
    EXPECT_FALSE(f.running());
    EXPECT_FALSE(f.cancelled());
    EXPECT_EQ(f.exception(), nullptr);
}

TEST(concurrent_future, throws_the_error_each_time) {
    asyncio::thread_pool_executor pool(1);
    const concurrent_future<int> f = pool.submit(fail);
    EXPECT_THROW((void)f.result(), std::runtime_error);
    EXPECT_THROW((void)f.result(), std::runtime_error);
    EXPECT_EQ(asyncio::detail::describe(f.exception()), "std::runtime_error: out of paper");
}

TEST(concurrent_future, moves_the_result_out_of_the_last_handle) {
    inline_executor here;
    EXPECT_EQ(*here.submit([] { return std::make_unique<int>(7); }).result(), 7);

    concurrent_future<std::unique_ptr<int>> f =
        here.submit([] { return std::make_unique<int>(8); });
    const concurrent_future<std::unique_ptr<int>> other = f;
    EXPECT_EQ(
        error_of([&] { (void)std::move(f).result(); }),
        "asyncio::invalid_state_error: asyncio: this result cannot be copied and other handles "
        "share it: ask a named concurrent_future to get a reference, or drop the other "
        "handles");
    EXPECT_EQ(*other.result(), 8);
}

TEST(concurrent_future, copies_the_result_while_others_share_it) {
    inline_executor here;
    concurrent_future<std::string> f =
        here.submit([] { return std::string("a long enough text"); });
    const concurrent_future<std::string> other = f;
    EXPECT_EQ(std::move(f).result(), "a long enough text");
    EXPECT_EQ(other.result(), "a long enough text");
}

TEST(concurrent_future, can_be_empty) {
    const concurrent_future<int> f;
    EXPECT_FALSE(f.valid());
    EXPECT_EQ(error_of([&] { (void)f.done(); }),
              "asyncio::invalid_state_error: asyncio: this concurrent_future is empty: it was "
              "default-constructed or moved from");
}

TEST(concurrent_future, waits_at_most_for_the_timeout) {
    manual_executor later;
    const concurrent_future<int> f = later.submit([] { return 1; });
    EXPECT_EQ(error_of([&] { (void)f.result(1ms); }),
              "asyncio::timeout_error: asyncio: timed out: no result after 0.001 s (the work goes "
              "on; cancel() ends it)");
    EXPECT_THROW((void)f.exception(0s), asyncio::timeout_error);
    EXPECT_THROW((void)f.result(-5s), asyncio::timeout_error);
    EXPECT_FALSE(f.done()) << "a timeout cancels nothing";
    later.run_one();
    EXPECT_EQ(f.result(0s), 1);
}

TEST(concurrent_future, cancels_work_that_has_not_begun) {
    manual_executor later;
    int alive = 0;
    bool ran = false;
    const counted argument(alive);
    const concurrent_future<> f = later.submit([&ran](const counted&) { ran = true; }, argument);
    EXPECT_EQ(alive, 2);
    EXPECT_TRUE(f.cancel("not needed"));
    EXPECT_EQ(alive, 1) << "what the work owns goes at once";
    EXPECT_TRUE(f.cancelled());
    EXPECT_TRUE(f.done());
    EXPECT_TRUE(f.cancel()) << "as in Python";
    EXPECT_TRUE(later.jobs.front().cancelled());
    later.run_one();
    EXPECT_FALSE(ran);
    try {
        f.result();
        FAIL() << "a cancelled future has no result";
    } catch (const asyncio::cancelled_error& e) {
        EXPECT_EQ(e.message(), "not needed");
        EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::explicit_request);
    }
    EXPECT_THROW((void)f.exception(), asyncio::cancelled_error);
}

TEST(concurrent_future, does_not_cancel_work_that_runs_or_is_done) {
    manual_executor later;
    concurrent_future<int> f;
    f = later.submit([&f] {
        EXPECT_TRUE(f.running());
        EXPECT_FALSE(f.cancel());
        return 5;
    });
    EXPECT_FALSE(f.running());
    later.run_one();
    EXPECT_FALSE(f.cancel());
    EXPECT_EQ(f.result(), 5);
}

TEST(concurrent_future, is_cancelled_by_work_that_throws_cancelled_error) {
    inline_executor here;
    const auto f = here.submit([] { throw asyncio::cancelled_error("by itself"); });
    EXPECT_TRUE(f.cancelled());
    EXPECT_THROW(f.result(), asyncio::cancelled_error);
}

TEST(concurrent_future, wakes_a_thread_that_waits_when_it_is_cancelled) {
    manual_executor later;
    const concurrent_future<int> f = later.submit([] { return 1; });
    std::string seen;
    std::thread waiter([&] { seen = error_of([&] { (void)f.result(); }); });
    EXPECT_TRUE(f.cancel("enough"));
    waiter.join();
    EXPECT_NE(seen.find("cancelled: enough"), std::string::npos) << seen;
}

TEST(concurrent_future, calls_back_in_order_on_the_thread_that_ends_it) {
    asyncio::thread_pool_executor pool(1);
    std::binary_semaphore go(0);
    std::vector<int> order;
    std::thread::id called_on;
    const concurrent_future<std::thread::id> f = pool.submit([&] {
        go.acquire();
        return std::this_thread::get_id();
    });
    f.add_done_callback([&](const concurrent_future<std::thread::id>& done) {
        order.push_back(1);
        called_on = std::this_thread::get_id();
        EXPECT_EQ(done.result(), called_on);
    });
    std::binary_semaphore told(0);
    f.add_done_callback([&](auto) {
        order.push_back(2);
        told.release();
    });
    go.release();
    told.acquire();
    EXPECT_EQ(order, (std::vector{1, 2}));
    EXPECT_NE(called_on, std::this_thread::get_id());
    f.add_done_callback([&](auto) { order.push_back(3); });
    EXPECT_EQ(order, (std::vector{1, 2, 3})) << "at once, because it is done";
}

TEST(concurrent_future, calls_back_after_a_cancel) {
    manual_executor later;
    bool told = false;
    const concurrent_future<int> f = later.submit([] { return 1; });
    f.add_done_callback([&told](const concurrent_future<int>& done) { told = done.cancelled(); });
    f.cancel();
    EXPECT_TRUE(told);
}

TEST(concurrent_future, reports_a_callback_that_throws_and_calls_the_others) {
    manual_executor later;
    bool told = false;
    const concurrent_future<int> f = later.submit([] { return 1; });
    f.add_done_callback([](auto) { throw std::runtime_error("bad callback"); });
    f.add_done_callback([&told](auto) { told = true; });
    testing::internal::CaptureStderr();
    later.run_one();
    EXPECT_EQ(
        testing::internal::GetCapturedStderr(),
        "asyncio: Exception in a done callback of a concurrent_future: std::runtime_error: bad "
        "callback\n");
    EXPECT_TRUE(told);
}

TEST(concurrent_future, reports_an_error_that_nobody_asked_for) {
    inline_executor here;
    testing::internal::CaptureStderr();
    here.submit(fail);
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "asyncio: concurrent_future exception was never retrieved\n  exception: "
              "std::runtime_error: out of paper\n");
    testing::internal::CaptureStderr();
    (void)here.submit(fail).exception();
    EXPECT_FALSE(here.submit(fail).cancel());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(concurrent_future, is_copied_and_dropped_by_many_threads) {
    asyncio::thread_pool_executor pool(4);
    for (int round = 0; round < 200; ++round) {
        const concurrent_future<std::string> f =
            pool.submit([round] { return std::to_string(round) + " is a number of some length"; });
        std::vector<std::thread> readers;
        for (int i = 0; i < 3; ++i)
            readers.emplace_back([copy = f]() mutable {
                const std::string text = std::move(copy).result();
                EXPECT_NE(text.find("is a number"), std::string::npos);
            });
        for (std::thread& t : readers) t.join();
    }
}

}  // namespace concurrent_future_test
