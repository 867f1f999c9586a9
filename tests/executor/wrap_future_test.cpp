#include "asyncio/executor/wrap_future.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"

namespace wrap_future_test {

using asyncio::concurrent_future;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::future;
using namespace std::chrono_literals;

coroutine<> values_and_errors() {
    inline_executor here;
    manual_executor later;
    EXPECT_EQ(co_await asyncio::wrap_future(here.submit([] { return 1; })), 1);

    future<std::unique_ptr<int>> f =
        asyncio::wrap_future(later.submit([] { return std::make_unique<int>(2); }));
    EXPECT_FALSE(f.done());
    later.run_one();
    EXPECT_FALSE(f.done()) << "it arrives in the next round";
    const std::unique_ptr<int> two = co_await std::move(f);
    EXPECT_EQ(*two, 2);

    future<> failing = asyncio::wrap_future(here.submit([] { throw std::runtime_error("no"); }));
    std::string error;
    try {
        co_await failing;
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    EXPECT_EQ(error, "no");
}

TEST(wrap_future, gives_the_loop_what_a_thread_gets) { asyncio::run(values_and_errors()); }

coroutine<> too_long() {
    manual_executor later;
    const auto how = co_await asyncio::as_outcome(
        asyncio::wait_for(asyncio::wrap_future(later.submit([] {})), 1ms));
    const std::string text = asyncio::detail::describe(how.exception());
    EXPECT_NE(text.find("timed out: the result of a call outside the loop's thread, limited at "),
              text.npos)
        << text;
}

TEST(wrap_future, says_what_it_is_when_it_takes_too_long) { asyncio::run(too_long()); }

coroutine<> wrapped_twice() {
    future<int> f = asyncio::get_running_loop().create_future<int>();
    EXPECT_EQ(asyncio::wrap_future(f), f);
    co_return;
}

TEST(wrap_future, leaves_a_future_as_it_is) { asyncio::run(wrapped_twice()); }

TEST(wrap_future, needs_a_loop) {
    inline_executor here;
    EXPECT_EQ(error_of([&] { (void)asyncio::wrap_future(here.submit([] {})); }),
              "std::runtime_error: asyncio: no event loop runs in this thread; start one with "
              "asyncio::run(main())");
}

/// S40.
coroutine<> cancel_both() {
    manual_executor later;
    const concurrent_future<int> source = later.submit([] { return 1; });
    future<int> f = asyncio::wrap_future(source);
    EXPECT_TRUE(f.cancel("not needed"));
    EXPECT_FALSE(f.cancel());
    EXPECT_TRUE(f.cancelled());
    EXPECT_TRUE(source.cancelled());
    co_await settle();

    const concurrent_future<int> other = later.submit([] { return 2; });
    future<int> g = asyncio::wrap_future(other);
    other.cancel("by the other side");
    std::string message;
    try {
        co_await g;
    } catch (const asyncio::cancelled_error& e) {
        message = e.message();
    }
    EXPECT_EQ(message, "by the other side");
}

TEST(wrap_future, passes_a_cancel_on_in_both_directions) { asyncio::run(cancel_both()); }

coroutine<> cancel_runs_no_foreign_code() {
    manual_executor later;
    bool told = false;
    int alive = 0;
    const counted argument(alive);
    const concurrent_future<> source = later.submit([](const counted&) {}, argument);
    source.add_done_callback([&told](auto) { told = true; });
    future<> f = asyncio::wrap_future(source);
    f.cancel();
    EXPECT_FALSE(told);
    EXPECT_EQ(alive, 2);
    co_await settle();
    EXPECT_TRUE(told);
    EXPECT_EQ(alive, 1);
}

TEST(wrap_future, tells_the_others_of_a_cancel_in_the_next_round) {
    asyncio::run(cancel_runs_no_foreign_code());
}

coroutine<> cancel_what_is_done() {
    manual_executor later;
    future<int> f = asyncio::wrap_future(later.submit([] { return 3; }));
    later.run_one();
    EXPECT_FALSE(f.cancel()) << "the result is there: it is not lost";
    EXPECT_EQ(co_await f, 3);
}

TEST(wrap_future, does_not_lose_a_result_to_a_late_cancel) { asyncio::run(cancel_what_is_done()); }

coroutine<> set_by_hand() {
    manual_executor later;
    future<int> f =
        asyncio::wrap_future(later.submit([]() -> int { throw std::runtime_error("x"); }));
    f.set_result(5);
    later.run_one();
    EXPECT_EQ(co_await f, 5);
    co_await settle();
}

TEST(wrap_future, keeps_a_result_that_was_set_by_hand) {
    testing::internal::CaptureStderr();
    asyncio::run(set_by_hand());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

struct grumbler {
    grumbler() = default;
    grumbler(const grumbler&) { throw std::runtime_error("no copies"); }
    grumbler(grumbler&&) = default;
};

coroutine<> value_that_cannot_be_copied() {
    inline_executor here;
    const concurrent_future<grumbler> source = here.submit([] { return grumbler(); });
    future<grumbler> f = asyncio::wrap_future(source);
    std::string error;
    try {
        co_await f;
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    EXPECT_EQ(error, "no copies");
}

TEST(wrap_future, gives_the_error_of_a_failing_copy) {
    asyncio::run(value_that_cannot_be_copied());
}

TEST(wrap_future, ends_with_its_loop) {
    manual_executor later;
    const auto loop = asyncio::new_event_loop();
    bool ran = false;
    future<> f = loop->run_in_executor(&later, [&ran] { ran = true; });
    future<> cancelled = loop->run_in_executor(&later, [&ran] { ran = true; });
    cancelled.cancel();
    loop->close();
    later.run_one();
    EXPECT_TRUE(ran) << "the work is not the loop's";
    EXPECT_FALSE(f.done()) << "but nothing reaches a loop that is gone";
    EXPECT_TRUE(later.jobs.front().cancelled());
}

coroutine<> await_another_loops_result(concurrent_future<std::string> f) {
    EXPECT_EQ(co_await asyncio::wrap_future(std::move(f)), "from the other loop");
}

coroutine<std::string> text() {
    co_await asyncio::sleep(0s);
    co_return "from the other loop";
}

TEST(wrap_future, brings_a_coroutine_of_another_loop) {
    const auto other = asyncio::new_event_loop();
    auto f = asyncio::run_coroutine_threadsafe(text(), *other);
    std::thread thread([&other] { other->run_forever(); });
    asyncio::run(await_another_loops_result(std::move(f)));
    other->call_soon_threadsafe([&other] { other->stop(); });
    thread.join();
}

}  // namespace wrap_future_test
