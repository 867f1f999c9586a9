#include "asyncio/executor/executor.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"

namespace executor_test {

using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::future;
using namespace std::chrono_literals;

struct account {
    int balance = 10;
    int add(int amount) { return balance += amount; }
};

TEST(executor, calls_whatever_can_be_called) {
    inline_executor here;
    account a;
    EXPECT_EQ(here.submit(&account::add, &a, 5).result(), 15);
    EXPECT_EQ(here.submit(&account::add, std::ref(a), 5).result(), 20);
    EXPECT_EQ(
        here.submit([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(3)).result(),
        3);
    auto owner = [p = std::make_unique<int>(4)] { return *p; };
    EXPECT_EQ(here.submit(std::move(owner)).result(), 4);
    const auto to_account = [&a]() -> account& { return a; };
    EXPECT_EQ(here.submit(to_account).result().balance, 20) << "a reference comes back as a value";
}

TEST(executor, refuses_a_null_callable) {
    inline_executor here;
    void (*nothing)() = nullptr;
    EXPECT_EQ(error_of([&] { here.submit(nothing); }),
              "std::invalid_argument: asyncio: the callback is null: pass a function that can be "
              "called");
}

TEST(executor, carries_the_context_into_the_job_as_a_copy) {
    static const asyncio::context_var<int> number("number", 0);
    asyncio::thread_pool_executor pool(1);
    number.set(7);
    const auto job = [] {
        const int seen = number.get();
        number.set(99);
        return seen;
    };
    EXPECT_EQ(pool.submit(job).result(), 7);
    EXPECT_EQ(number.get(), 7);
    number.set(8);
    EXPECT_EQ(pool.submit(job).result(), 8) << "nothing stays behind in the thread";
}

TEST(executor_job, cancels_the_wait_when_it_is_dropped) {
    manual_executor later;
    const auto f = later.submit([] { return 1; });
    later.jobs.clear();
    try {
        (void)f.result();
        FAIL() << "nobody can have run it";
    } catch (const asyncio::cancelled_error& e) {
        EXPECT_EQ(e.message(), "its executor has dropped the job");
        EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::shutdown);
    }
}

TEST(executor_job, runs_once_and_can_be_replaced) {
    manual_executor later;
    int runs = 0;
    const auto first = later.submit([&runs] { ++runs; });
    const auto second = later.submit([&runs] { ++runs; });
    asyncio::executor_job job = std::move(later.jobs[0]);
    job();
    job();
    EXPECT_EQ(runs, 1);
    job = std::move(later.jobs[1]);
    job = asyncio::executor_job(nullptr);
    EXPECT_EQ(runs, 1);
    EXPECT_TRUE(first.done());
    EXPECT_TRUE(second.cancelled()) << "the one that was replaced";
}

// ---- the default executor ----

coroutine<> use_the_default_executor() {
    event_loop& loop = asyncio::get_running_loop();
    auto own = std::make_unique<manual_executor>();
    manual_executor& pool = *own;
    loop.set_default_executor(std::move(own));
    EXPECT_EQ(&loop.default_executor(), &pool);
    future<int> f = loop.run_in_executor(nullptr, [] { return 3; });
    EXPECT_EQ(pool.jobs.size(), 1u);
    pool.run_one();
    EXPECT_EQ(co_await f, 3);
}

TEST(executor, is_replaced_by_set_default_executor) { asyncio::run(use_the_default_executor()); }

TEST(executor, is_made_on_demand) {
    const auto loop = asyncio::new_event_loop();
    asyncio::executor& pool = loop->default_executor();
    EXPECT_EQ(&loop->default_executor(), &pool);
    EXPECT_NE(dynamic_cast<asyncio::thread_pool_executor*>(&pool), nullptr);
}

TEST(executor, that_is_replaced_finishes_its_jobs) {
    std::binary_semaphore go(0);
    std::binary_semaphore ran(0);
    const auto loop = asyncio::new_event_loop();
    auto first = std::make_unique<asyncio::thread_pool_executor>(1);
    loop->set_default_executor(std::move(first));
    const future<> a = loop->run_in_executor(nullptr, [&] { go.acquire(); });
    const future<> b = loop->run_in_executor(nullptr, [&] { ran.release(); });
    loop->set_default_executor(std::make_unique<inline_executor>());
    go.release();
    ran.acquire();
    loop->run_until_complete(b);
    EXPECT_TRUE(a.done());
}

TEST(executor, must_not_be_null) {
    const auto loop = asyncio::new_event_loop();
    EXPECT_EQ(error_of([&] { loop->set_default_executor(nullptr); }),
              "std::invalid_argument: asyncio: set_default_executor: the executor is null: pass "
              "std::make_unique<thread_pool_executor>(...)");
}

TEST(executor, of_a_closed_loop_is_an_error) {
    const auto loop = asyncio::new_event_loop();
    loop->close();
    EXPECT_EQ(error_of([&] { (void)loop->default_executor(); }),
              "std::runtime_error: asyncio: default_executor: the event loop is closed");
    EXPECT_EQ(error_of([&] { loop->set_default_executor(std::make_unique<inline_executor>()); }),
              "std::runtime_error: asyncio: set_default_executor: the event loop is closed");
    EXPECT_EQ(error_of([&] { loop->run_in_executor(nullptr, [] {}); }),
              "std::runtime_error: asyncio: run_in_executor: the event loop is closed");
}

TEST(executor, is_shut_down_and_emptied_when_the_loop_closes) {
    class noting final : public asyncio::executor {
       public:
        explicit noting(std::string& log) : log_(log) {}
        ~noting() override { log_ += "gone"; }
        void execute(asyncio::executor_job) override {}
        std::size_t shutdown(asyncio::executor_shutdown_options options) override {
            log_ += options.timeout.nanoseconds() == 0ns ? "at once, " : "waits, ";
            log_ += options.pending == asyncio::pending_jobs::cancel ? "drops, " : "runs, ";
            return 0;
        }

       private:
        std::string& log_;
    };
    std::string log;
    const auto loop = asyncio::new_event_loop();
    loop->set_default_executor(std::make_unique<noting>(log));
    loop->close();
    EXPECT_EQ(log, "at once, drops, gone");
}

// ---- shutdown_default_executor ----

coroutine<> nothing_to_shut_down() {
    event_loop& loop = asyncio::get_running_loop();
    future<> ended = loop.shutdown_default_executor();
    EXPECT_TRUE(ended.done());
    co_await ended;
    EXPECT_EQ(error_of([&] { loop.run_in_executor(nullptr, [] {}); }),
              "std::runtime_error: asyncio: the default executor has been shut down: it takes no "
              "more calls");
    asyncio::thread_pool_executor own(1);
    const auto job = [] { return 1; };
    EXPECT_EQ(co_await loop.run_in_executor(&own, job), 1) << "other executors go on";
}

TEST(shutdown_default_executor, takes_no_more_calls) { asyncio::run(nothing_to_shut_down()); }

coroutine<int> answer() {
    co_await asyncio::sleep(0s);
    co_return 42;
}

/// The thread can only end because the loop goes on while it is waited for.
coroutine<> shut_down_while_a_thread_needs_the_loop() {
    event_loop& loop = asyncio::get_running_loop();
    const auto job = [&loop] { return asyncio::run_coroutine_threadsafe(answer(), loop).result(); };
    future<int> f = loop.run_in_executor(nullptr, job);
    co_await loop.shutdown_default_executor();
    EXPECT_EQ(co_await f, 42);
}

TEST(shutdown_default_executor, waits_for_the_threads_while_the_loop_goes_on) {
    asyncio::run(shut_down_while_a_thread_needs_the_loop());
}

/// S133.
coroutine<> shut_down_too_early(std::binary_semaphore& go, std::string& warning) {
    event_loop& loop = asyncio::get_running_loop();
    loop.set_exception_handler(
        [&warning](event_loop&, const asyncio::exception_context& c) { warning += c.message; });
    const auto job = [&go] {
        go.acquire();
        return 7;
    };
    future<int> f = loop.run_in_executor(nullptr, job);
    co_await loop.shutdown_default_executor(1ms);
    EXPECT_FALSE(f.done());
    go.release();
    EXPECT_EQ(co_await f, 7) << "while the loop is there, a late result arrives";
}

TEST(shutdown_default_executor, warns_when_the_time_is_up) {
    std::binary_semaphore go(0);
    std::string warning;
    asyncio::run(shut_down_too_early, std::ref(go), std::ref(warning));
    EXPECT_EQ(
        warning,
        "asyncio: the default executor did not end within 0.001 s: 1 thread is still busy and "
        "left behind (make the calls shorter, or the shutdown deadline longer)");
}

struct late_jobs {
    std::latch begun{2};
    std::latch go{1};
    std::latch ended{2};
};

coroutine<> leave_threads_behind(late_jobs& jobs) {
    event_loop& loop = asyncio::get_running_loop();
    for (int i = 0; i < 2; ++i)
        loop.run_in_executor(nullptr, [&jobs] {
            jobs.begun.count_down();
            jobs.go.wait();
            jobs.ended.count_down();
        });
    jobs.begun.wait();
    co_return;
}

TEST(shutdown_default_executor, ends_the_run_although_threads_are_late) {
    late_jobs jobs;
    testing::internal::CaptureStderr();
    asyncio::run(leave_threads_behind(jobs), {.shutdown_deadline = 1ms});
    EXPECT_NE(testing::internal::GetCapturedStderr().find("2 threads are still busy"),
              std::string::npos);
    jobs.go.count_down();  // the loop and the pool are gone
    jobs.ended.wait();
}

class failing_shutdown final : public asyncio::executor {
   public:
    void execute(asyncio::executor_job) override {}
    std::size_t shutdown(asyncio::executor_shutdown_options options) override {
        if (options.timeout.nanoseconds() > 0ns) throw std::runtime_error("cannot end");
        return 1;
    }
};

coroutine<> shut_down_badly() {
    event_loop& loop = asyncio::get_running_loop();
    loop.set_default_executor(std::make_unique<failing_shutdown>());
    future<> ended = loop.shutdown_default_executor(1h);
    std::string error;
    try {
        co_await ended;
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    EXPECT_EQ(error, "cannot end");
    loop.set_default_executor(std::make_unique<inline_executor>());
    future<> given_up = loop.shutdown_default_executor(1h);
    co_await given_up;
}

TEST(shutdown_default_executor, throws_what_the_executor_throws) {
    asyncio::run(shut_down_badly());
}

coroutine<> give_up_the_wait(std::binary_semaphore& go) {
    event_loop& loop = asyncio::get_running_loop();
    future<> f = loop.run_in_executor(nullptr, [&go] { go.acquire(); });
    future<> ended = loop.shutdown_default_executor(1h);
    EXPECT_TRUE(ended.cancel());
    go.release();
    co_await f;
}

TEST(shutdown_default_executor, can_be_cancelled) {
    std::binary_semaphore go(0);
    asyncio::run(give_up_the_wait, std::ref(go));
}

}  // namespace executor_test
