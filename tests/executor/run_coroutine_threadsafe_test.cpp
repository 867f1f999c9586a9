#include "asyncio/executor/run_coroutine_threadsafe.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"

namespace run_coroutine_threadsafe_test {

using asyncio::concurrent_future;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::run_coroutine_threadsafe;
using namespace std::chrono_literals;

/// A loop that runs in a thread of its own.
class background_loop {
   public:
    background_loop()
        : loop_(asyncio::new_event_loop()), thread_([this] { loop_->run_forever(); }) {}
    ~background_loop() { join(); }
    background_loop(const background_loop&) = delete;
    background_loop& operator=(const background_loop&) = delete;
    event_loop& operator*() { return *loop_; }
    event_loop* operator->() { return loop_.get(); }
    void join() {
        if (!thread_.joinable()) return;
        loop_->call_soon_threadsafe([this] { loop_->stop(); });
        thread_.join();
    }
    /// Nothing is left to be done in the loop.
    void settle() {
        for (int i = 0; i < 4; ++i) {
            std::binary_semaphore turned(0);
            loop_->call_soon_threadsafe([&turned] { turned.release(); });
            turned.acquire();
        }
    }

   private:
    std::unique_ptr<event_loop> loop_;
    std::thread thread_;
};

coroutine<int> add(int a, int b) {
    co_await asyncio::sleep(0s);
    co_return a + b;
}
coroutine<int> fail() {
    co_await asyncio::sleep(0s);
    throw std::runtime_error("in the loop");
}

TEST(run_coroutine_threadsafe, gives_the_result_to_another_thread) {
    background_loop loop;
    EXPECT_EQ(run_coroutine_threadsafe(add(40, 2), *loop).result(), 42);
    const concurrent_future<int> f = run_coroutine_threadsafe(add(1, 1), *loop);
    EXPECT_EQ(f.result(1h), 2);
    EXPECT_EQ(f.exception(), nullptr);
    EXPECT_FALSE(f.cancel());
}

TEST(run_coroutine_threadsafe, throws_the_error_in_the_other_thread) {
    background_loop loop;
    EXPECT_EQ(error_of([&] { (void)run_coroutine_threadsafe(fail(), *loop).result(); }),
              "std::runtime_error: in the loop");
    EXPECT_EQ(asyncio::detail::describe(run_coroutine_threadsafe(fail(), *loop).exception()),
              "std::runtime_error: in the loop");
}

coroutine<std::unique_ptr<int>> make_owner(std::unique_ptr<int> p) {
    co_await asyncio::sleep(0s);
    co_return p;
}
coroutine<std::string&> refer(std::string& text) { co_return text; }

TEST(run_coroutine_threadsafe, moves_values_and_keeps_references) {
    background_loop loop;
    EXPECT_EQ(*run_coroutine_threadsafe(make_owner(std::make_unique<int>(5)), *loop).result(), 5);
    std::string text = "here";
    EXPECT_EQ(&run_coroutine_threadsafe(refer(text), *loop).result(), &text);
    run_coroutine_threadsafe(asyncio::sleep(0s), *loop).result();
}

TEST(run_coroutine_threadsafe, owns_the_arguments_of_a_callable) {
    background_loop loop;
    concurrent_future<std::string> f;
    {
        const std::string greeting = "hello, and some more text to own";
        const auto shout = [end = std::string("!")](std::string text) -> coroutine<std::string> {
            co_await asyncio::sleep(0s);
            co_return text + end;
        };
        f = run_coroutine_threadsafe(*loop, shout, greeting);
    }
    EXPECT_EQ(f.result(), "hello, and some more text to own!");
    EXPECT_EQ(
        run_coroutine_threadsafe(*loop, make_owner, std::make_unique<int>(1)).result() != nullptr,
        true);
}

TEST(run_coroutine_threadsafe, runs_on_the_loops_thread_with_the_callers_context) {
    static const asyncio::context_var<int> number("number", 0);
    background_loop loop;
    number.set(7);
    const auto look = []() -> coroutine<std::pair<int, std::thread::id>> {
        const std::pair<int, std::thread::id> seen(number.get(), std::this_thread::get_id());
        number.set(8);
        co_return seen;
    };
    const auto [seen, thread] = run_coroutine_threadsafe(*loop, look).result();
    EXPECT_EQ(seen, 7);
    EXPECT_NE(thread, std::this_thread::get_id());
    EXPECT_EQ(number.get(), 7);
}

// ---- cancels ----

struct witness {
    std::binary_semaphore begun{0};
    std::binary_semaphore ended{0};
    std::string seen;
};

coroutine<int> wait_for_the_cancel(witness& w) {
    try {
        w.begun.release();
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error& e) {
        w.seen = e.message();
        w.ended.release();
        throw;
    }
    co_return 1;
}

/// S151.
TEST(run_coroutine_threadsafe, cancels_the_task) {
    background_loop loop;
    witness w;
    const concurrent_future<int> f = run_coroutine_threadsafe(wait_for_the_cancel(w), *loop);
    w.begun.acquire();
    EXPECT_FALSE(f.running());
    EXPECT_TRUE(f.cancel("by the other thread"));
    EXPECT_TRUE(f.cancelled()) << "at once";
    w.ended.acquire();
    EXPECT_EQ(w.seen, "by the other thread");
    EXPECT_THROW((void)f.result(), asyncio::cancelled_error);
}

/// S151.
TEST(run_coroutine_threadsafe, times_out_and_can_then_be_cancelled) {
    background_loop loop;
    witness w;
    const concurrent_future<int> f = run_coroutine_threadsafe(wait_for_the_cancel(w), *loop);
    w.begun.acquire();
    EXPECT_THROW((void)f.result(1ms), asyncio::timeout_error);
    EXPECT_FALSE(f.done());
    EXPECT_TRUE(f.cancel());
    w.ended.acquire();
}

coroutine<int> refuse_the_cancel(witness& w) {
    try {
        w.begun.release();
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
    }
    w.ended.release();
    co_return 2;
}

TEST(run_coroutine_threadsafe, discards_what_a_cancelled_coroutine_returns) {
    background_loop loop;
    witness w;
    const concurrent_future<int> f = run_coroutine_threadsafe(refuse_the_cancel(w), *loop);
    w.begun.acquire();
    f.cancel();
    w.ended.acquire();
    loop.settle();
    EXPECT_TRUE(f.cancelled());
}

coroutine<> cancel_itself() {
    co_await asyncio::sleep(0s);
    throw asyncio::cancelled_error("by itself");
}

TEST(run_coroutine_threadsafe, is_cancelled_with_its_task) {
    background_loop loop;
    const concurrent_future<> f = run_coroutine_threadsafe(cancel_itself(), *loop);
    try {
        f.result();
        FAIL() << "a cancelled task has no result";
    } catch (const asyncio::cancelled_error& e) {
        EXPECT_EQ(e.message(), "by itself");
    }
    EXPECT_TRUE(f.cancelled());
}

TEST(run_coroutine_threadsafe, does_not_run_what_was_cancelled_before_it_began) {
    const auto loop = asyncio::new_event_loop();
    int alive = 0;
    bool ran = false;
    const counted argument(alive);
    const auto note = [&ran](counted) -> coroutine<> {
        ran = true;
        co_return;
    };
    const auto f = run_coroutine_threadsafe(*loop, note, argument);
    EXPECT_EQ(alive, 2);
    EXPECT_TRUE(f.cancel());
    testing::internal::CaptureStderr();
    loop->run_until_complete(asyncio::sleep(0s));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_FALSE(ran);
    EXPECT_EQ(alive, 1);
}

// ---- the end of the loop ----

TEST(run_coroutine_threadsafe, refuses_a_closed_loop) {
    const auto loop = asyncio::new_event_loop();
    loop->close();
    testing::internal::CaptureStderr();
    EXPECT_EQ(error_of([&] { run_coroutine_threadsafe(add(1, 2), *loop); }),
              "std::runtime_error: asyncio: run_coroutine_threadsafe: the event loop is closed");
    int alive = 0;
    const counted argument(alive);
    const auto hold = [](counted) -> coroutine<> { co_return; };
    EXPECT_THROW(run_coroutine_threadsafe(*loop, hold, argument), std::runtime_error);
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(run_coroutine_threadsafe, is_cancelled_if_the_loop_closes_before_it_begins) {
    const auto loop = asyncio::new_event_loop();
    const concurrent_future<int> f = run_coroutine_threadsafe(add(1, 2), *loop);
    bool told = false;
    f.add_done_callback([&told](const concurrent_future<int>& done) { told = done.cancelled(); });
    testing::internal::CaptureStderr();
    loop->close();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(told);
    try {
        (void)f.result();
        FAIL() << "nobody ran it";
    } catch (const asyncio::cancelled_error& e) {
        EXPECT_EQ(e.message(), "the event loop was closed before the coroutine was done");
        EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::shutdown);
    }
}

TEST(run_coroutine_threadsafe, is_cancelled_if_the_loop_closes_before_it_is_done) {
    auto loop = asyncio::new_event_loop();
    witness w;
    const concurrent_future<int> f = run_coroutine_threadsafe(wait_for_the_cancel(w), *loop);
    loop->run_until_complete(asyncio::sleep(0s));
    EXPECT_FALSE(f.done());
    testing::internal::CaptureStderr();
    loop.reset();
    EXPECT_NE(testing::internal::GetCapturedStderr().find("Task was destroyed but it is pending!"),
              std::string::npos);
    EXPECT_TRUE(f.cancelled());
    EXPECT_TRUE(f.cancel()) << "harmless after the loop";
}

coroutine<int> finish_at_once() { co_return 4; }

TEST(run_coroutine_threadsafe, delivers_a_result_that_the_loop_had_at_its_end) {
    auto loop = asyncio::new_event_loop();
    const concurrent_future<int> f = run_coroutine_threadsafe(finish_at_once(), *loop);
    // The task is done in the second round; its end would be told in the third.
    loop->call_soon([&loop] { loop->call_soon([&loop] { loop->stop(); }); });
    loop->run_forever();
    EXPECT_FALSE(f.done());
    loop.reset();
    EXPECT_EQ(f.result(), 4);
}

TEST(run_coroutine_threadsafe, outlives_its_loop) {
    concurrent_future<int> f;
    {
        background_loop loop;
        f = run_coroutine_threadsafe(add(1, 2), *loop);
        f.result();
    }
    EXPECT_EQ(f.result(), 3);
}

// ---- mistakes ----

coroutine<> wait_for_oneself() {
    event_loop& loop = asyncio::get_running_loop();
    concurrent_future<int> f = run_coroutine_threadsafe(add(1, 2), loop);
    EXPECT_EQ(
        error_of([&] { (void)f.result(); }),
        "std::runtime_error: asyncio: result() would block the event loop that has to run the "
        "coroutine, for ever; inside a coroutine write co_await wrap_future(f)");
    EXPECT_EQ(co_await asyncio::wrap_future(f), 3);
    EXPECT_EQ(f.result(), 3) << "now it need not wait";
}

TEST(run_coroutine_threadsafe, refuses_to_block_the_loop_that_must_run_it) {
    asyncio::run(wait_for_oneself());
}

TEST(run_coroutine_threadsafe, reports_an_error_that_nobody_can_ask_for) {
    background_loop loop;
    testing::internal::CaptureStderr();
    std::binary_semaphore dropped(0);
    loop->call_soon_threadsafe([&dropped] { dropped.acquire(); });
    run_coroutine_threadsafe(fail(), *loop);
    dropped.release();
    loop.settle();
    loop.join();
    const std::string report = testing::internal::GetCapturedStderr();
    EXPECT_NE(report.find("Task exception was never retrieved"), std::string::npos) << report;
    EXPECT_NE(report.find("fail"), std::string::npos) << "with the task's await chain: " << report;
}

TEST(run_coroutine_threadsafe, reports_an_error_that_nobody_asked_for) {
    background_loop loop;
    testing::internal::CaptureStderr();
    {
        const concurrent_future<int> f = run_coroutine_threadsafe(fail(), *loop);
        loop.settle();
    }
    loop.join();
    const std::string report = testing::internal::GetCapturedStderr();
    EXPECT_NE(report.find("concurrent_future exception was never retrieved"), std::string::npos)
        << report;
}

TEST(run_coroutine_threadsafe, tells_a_callback_although_nobody_keeps_the_handle) {
    background_loop loop;
    std::string seen;
    std::binary_semaphore told(0);
    run_coroutine_threadsafe(fail(), *loop).add_done_callback([&](const concurrent_future<int>& f) {
        seen = error_of([&f] { (void)f.result(); });
        told.release();
    });
    told.acquire();
    EXPECT_EQ(seen, "std::runtime_error: in the loop");
}

}  // namespace run_coroutine_threadsafe_test
