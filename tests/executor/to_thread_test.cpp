#include "asyncio/executor/to_thread.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"

namespace to_thread_test {

using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::future;
using asyncio::task;
using namespace std::chrono_literals;

/// Makes a manual executor the default one.
manual_executor& install_manual_executor() {
    auto pool = std::make_unique<manual_executor>();
    manual_executor& it = *pool;
    asyncio::get_running_loop().set_default_executor(std::move(pool));
    return it;
}

int add(int a, int b) { return a + b; }
int fail() { throw std::runtime_error("in the thread"); }

// ---- what is called ----

coroutine<> call_things() {
    const auto here = std::this_thread::get_id();
    EXPECT_EQ(co_await asyncio::to_thread(add, 40, 2), 42);
    EXPECT_NE(co_await asyncio::to_thread([] { return std::this_thread::get_id(); }), here);
    EXPECT_EQ(std::this_thread::get_id(), here) << "after an await one is on the loop's thread";

    auto moved = std::make_unique<int>(3);
    const auto consume = [](std::unique_ptr<int> p) { return *p + 1; };
    EXPECT_EQ(co_await asyncio::to_thread(consume, std::move(moved)), 4);

    std::string text = "abc";
    const auto grow = [](std::string& s) { s += "d"; };
    co_await asyncio::to_thread(grow, std::ref(text));
    EXPECT_EQ(text, "abcd");
    EXPECT_EQ(co_await asyncio::to_thread(&std::string::size, &text), 4u);

    const std::unique_ptr<int> p = co_await asyncio::to_thread(std::make_unique<int, int>, 9);
    EXPECT_EQ(*p, 9);
    const auto first = [](const std::vector<int>& v) -> const int& { return v.front(); };
    const std::vector<int> numbers(2, 6);
    EXPECT_EQ(co_await asyncio::to_thread(first, numbers), 6) << "as a value";
}

TEST(to_thread, calls_a_function_in_another_thread) { asyncio::run(call_things()); }

coroutine<> call_what_fails() {
    std::string error;
    try {
        co_await asyncio::to_thread(fail);
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    EXPECT_EQ(error, "in the thread");
}

TEST(to_thread, brings_the_error_back) { asyncio::run(call_what_fails()); }

coroutine<> call_lazily() {
    manual_executor& pool = install_manual_executor();
    coroutine<int> c = asyncio::to_thread(add, 1, 2);
    co_await settle();
    EXPECT_TRUE(pool.jobs.empty()) << "nothing runs before it is awaited";
    task<int> t = asyncio::create_task(std::move(c));
    co_await settle();
    EXPECT_EQ(pool.jobs.size(), 1u);
    pool.run_one();
    EXPECT_EQ(co_await t, 3);
}

TEST(to_thread, runs_nothing_before_it_is_awaited) { asyncio::run(call_lazily()); }

coroutine<> call_at_once() {
    asyncio::get_running_loop().set_default_executor(std::make_unique<inline_executor>());
    EXPECT_EQ(co_await asyncio::to_thread(add, 1, 2), 3);
    EXPECT_EQ(co_await asyncio::wait_for(asyncio::to_thread(add, 3, 4), 1h), 7);
}

TEST(to_thread, takes_a_result_that_is_there_at_once) { asyncio::run(call_at_once()); }

TEST(to_thread, refuses_a_null_callable) {
    int (*nothing)() = nullptr;
    EXPECT_EQ(error_of([&] { (void)asyncio::to_thread(nothing); }),
              "std::invalid_argument: asyncio: the callback is null: pass a function that can be "
              "called");
}

/// S150.
coroutine<> carry_context() {
    static const asyncio::context_var<std::string> request("request", "none");
    const auto job = [] {
        std::string seen = request.get();
        request.set("by the job");
        return seen;
    };
    request.set("by main");
    EXPECT_EQ(co_await asyncio::to_thread(job), "by main");
    EXPECT_EQ(request.get(), "by main");
    EXPECT_EQ(co_await asyncio::get_running_loop().run_in_executor(nullptr, job), "by main");
}

TEST(to_thread, carries_context_variables_along) { asyncio::run(carry_context()); }

coroutine<> run_while_the_loop_goes_on(std::binary_semaphore& go) {
    const auto job = [&go] {
        go.acquire();
        return 42;
    };
    task<int> t = asyncio::create_task(asyncio::to_thread(job));
    co_await settle();
    EXPECT_FALSE(t.done());
    go.release();
    EXPECT_EQ(co_await t, 42);
}

TEST(to_thread, lets_the_loop_go_on) {
    std::binary_semaphore go(0);
    asyncio::run(run_while_the_loop_goes_on, std::ref(go));
}

coroutine<> overlap() {
    // Each one ends only if all of them run at the same time.
    std::shared_ptr<std::atomic<int>> waiting = std::make_shared<std::atomic<int>>(3);
    const auto meet = [waiting] {
        --*waiting;
        while (waiting->load() > 0) std::this_thread::yield();
        return 1;
    };
    const auto [a, b, c] = co_await asyncio::gather(
        asyncio::to_thread(meet), asyncio::to_thread(meet), asyncio::to_thread(meet));
    EXPECT_EQ(a + b + c, 3);
}

TEST(to_thread, overlaps_in_a_gather) { asyncio::run(overlap()); }

// ---- cancels ----

coroutine<> cancel_before_the_start() {
    manual_executor& pool = install_manual_executor();
    int alive = 0;
    {
        const counted argument(alive);
        const auto job = [](const counted&) {};
        task<> t = asyncio::create_task(asyncio::to_thread(job, argument));
        t.cancel();
        co_await settle();
        EXPECT_TRUE(t.cancelled());
    }
    EXPECT_TRUE(pool.jobs.empty());
    EXPECT_EQ(alive, 0);
}

TEST(to_thread, cancelled_before_its_start_hands_nothing_over) {
    asyncio::run(cancel_before_the_start());
}

coroutine<> cancel_while_it_is_queued() {
    manual_executor& pool = install_manual_executor();
    bool ran = false;
    int alive = 0;
    const counted argument(alive);
    const auto job = [&ran](const counted&) { ran = true; };
    task<> t = asyncio::create_task(asyncio::to_thread(job, argument));
    co_await settle();
    EXPECT_EQ(pool.jobs.size(), 1u);
    t.cancel("not needed");
    EXPECT_TRUE(pool.jobs.front().cancelled());
    std::string message;
    try {
        co_await t;
    } catch (const asyncio::cancelled_error& e) {
        message = e.message();
    }
    EXPECT_EQ(message, "not needed");
    EXPECT_EQ(alive, 1) << "what the job owned is gone";
    pool.run_one();
    EXPECT_FALSE(ran) << "a job that has not begun is dropped";
}

TEST(to_thread, cancelled_while_its_job_is_queued_drops_the_job) {
    asyncio::run(cancel_while_it_is_queued());
}

/// S149.
coroutine<> cancel_while_it_runs(std::binary_semaphore& go, std::binary_semaphore& ended) {
    std::binary_semaphore begun(0);
    const auto job = [&]() -> int {
        begun.release();
        go.acquire();
        ended.release();
        throw std::runtime_error("nobody cares");
    };
    task<int> t = asyncio::create_task(asyncio::to_thread(job));
    co_await settle();
    begun.acquire();
    t.cancel();
    co_await settle();
    EXPECT_TRUE(t.cancelled()) << "the wait returns at once";
    EXPECT_FALSE(ended.try_acquire()) << "the job goes on";
    go.release();
}

TEST(to_thread, cancelled_while_its_job_runs_returns_at_once) {
    std::binary_semaphore go(0);
    std::binary_semaphore ended(0);
    testing::internal::CaptureStderr();
    asyncio::run(cancel_while_it_runs, std::ref(go), std::ref(ended));
    ended.acquire();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

coroutine<int> call_and_note(std::string& log) {
    const int value = co_await asyncio::to_thread(add, 1, 2);
    log += "got " + std::to_string(value);
    try {
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
        log += ", then cancelled";
    }
    co_return value;
}

coroutine<> cancel_in_the_round_of_the_result(std::string& log) {
    manual_executor& pool = install_manual_executor();
    task<int> t = asyncio::create_task(call_and_note(log));
    co_await settle();
    pool.run_one();
    t.cancel();
    EXPECT_EQ(co_await t, 3);
}

TEST(to_thread, cancelled_in_the_round_of_its_result_loses_neither) {
    std::string log;
    asyncio::run(cancel_in_the_round_of_the_result, std::ref(log));
    EXPECT_EQ(log, "got 3, then cancelled");
}

coroutine<> give_up_after_a_timeout(std::binary_semaphore& go) {
    const auto job = [&go] { go.acquire(); };
    bool timed_out = false;
    try {
        co_await asyncio::wait_for(asyncio::to_thread(job), 1ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    go.release();
}

TEST(to_thread, times_out_although_the_job_runs) {
    std::binary_semaphore go(0);
    asyncio::run(give_up_after_a_timeout, std::ref(go));
}

coroutine<> never_awaited() {
    (void)asyncio::to_thread(add, 1, 2);
    co_return;
}

TEST(to_thread, that_is_never_awaited_is_reported) {
    testing::internal::CaptureStderr();
    asyncio::run(never_awaited());
    EXPECT_NE(testing::internal::GetCapturedStderr().find("was never awaited"), std::string::npos);
}

// ---- run_in_executor ----

coroutine<> run_in_a_pool() {
    event_loop& loop = asyncio::get_running_loop();
    asyncio::thread_pool_executor pool(2);
    EXPECT_EQ(co_await loop.run_in_executor(&pool, add, 40, 2), 42);
    future<int> f = loop.run_in_executor(&pool, fail);
    std::string error;
    try {
        co_await f;
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    EXPECT_EQ(error, "in the thread");
}

TEST(run_in_executor, gives_a_future) { asyncio::run(run_in_a_pool()); }

coroutine<> run_while_the_future_is_dropped(bool& ran) {
    manual_executor& pool = install_manual_executor();
    asyncio::get_running_loop().run_in_executor(nullptr, [&ran] { ran = true; });
    asyncio::get_running_loop().run_in_executor(nullptr, fail);
    pool.run_one();
    pool.run_one();
    co_await settle();
}

TEST(run_in_executor, runs_though_nobody_keeps_the_future) {
    bool ran = false;
    testing::internal::CaptureStderr();
    asyncio::run(run_while_the_future_is_dropped, std::ref(ran));
    EXPECT_TRUE(ran);
    const std::string report = testing::internal::GetCapturedStderr();
    EXPECT_NE(
        report.find("Future exception was never retrieved\n  exception: std::runtime_error: in "
                    "the thread"),
        std::string::npos)
        << report;
}

TEST(run_in_executor, works_on_a_loop_that_does_not_run_yet) {
    const auto loop = asyncio::new_event_loop();
    EXPECT_EQ(loop->run_until_complete(loop->run_in_executor(nullptr, add, 1, 1)), 2);
}

coroutine<> use_from_another_thread() {
    event_loop& loop = asyncio::get_running_loop();
    loop.set_debug(true);
    const auto job = [&loop] {
        return error_of([&loop] { loop.run_in_executor(nullptr, [] {}); });
    };
    const std::string error = co_await asyncio::to_thread(job);
    EXPECT_EQ(error,
              "std::runtime_error: asyncio: run_in_executor was called from a thread that does not "
              "run this loop; use call_soon_threadsafe");
}

TEST(run_in_executor, complains_about_the_wrong_thread_in_debug_mode) {
    asyncio::run(use_from_another_thread());
}

/// S149.
coroutine<> leave_a_job_behind(asyncio::thread_pool_executor& pool, std::binary_semaphore& begun,
                               std::binary_semaphore& go) {
    event_loop& loop = asyncio::get_running_loop();
    const auto job = [&] {
        begun.release();
        go.acquire();
        return std::string("a result of some length, for nobody");
    };
    future<std::string> f = loop.run_in_executor(&pool, job);
    future<std::string> kept = loop.run_in_executor(&pool, [] { return std::string("queued"); });
    begun.acquire();
    EXPECT_TRUE(f.cancel());
    EXPECT_TRUE(f.cancelled());
    co_return;
}

TEST(run_in_executor, discards_a_result_that_comes_after_the_loop) {
    asyncio::thread_pool_executor pool(1);
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    asyncio::run(leave_a_job_behind, std::ref(pool), std::ref(begun), std::ref(go));
    go.release();
    EXPECT_EQ(pool.shutdown(), 0u);
}

TEST(run_in_executor, outlives_its_loop_in_the_default_executor) {
    std::binary_semaphore begun(0);
    std::binary_semaphore go(0);
    std::binary_semaphore ended(0);
    int alive = 0;
    future<> queued;
    {
        const counted argument(alive);
        auto loop = asyncio::new_event_loop();
        loop->set_default_executor(std::make_unique<asyncio::thread_pool_executor>(1));
        loop->run_in_executor(nullptr, [&] {
            begun.release();
            go.acquire();
            ended.release();
        });
        queued = loop->run_in_executor(nullptr, [](const counted&) {}, argument);
        begun.acquire();
    }
    EXPECT_EQ(alive, 0) << "a job that has not begun is dropped with its loop";
    EXPECT_FALSE(queued.done());
    go.release();
    ended.acquire();
}

}  // namespace to_thread_test
