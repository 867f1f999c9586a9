// Awaiting what other libraries offer: whatever thread resumes them, the task goes on in its loop.
#include "asyncio/task/foreign.hpp"

#include <gtest/gtest.h>

#include <coroutine>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace foreign_test {

using namespace asyncio;
using namespace std::chrono_literals;

/// A foreign operation that somebody completes by hand.
struct operation {
    std::coroutine_handle<> waiter;
    std::optional<int> value;
    void complete(int n) {
        value = n;
        std::exchange(waiter, nullptr).resume();
    }
};

struct manual {
    operation& op;
    [[nodiscard]] bool await_ready() const { return op.value.has_value(); }
    void await_suspend(std::coroutine_handle<> h) const { op.waiter = h; }
    [[nodiscard]] int await_resume() const { return *op.value; }
};

coroutine<int> awaits(operation& op, std::thread::id& resumed_on) {
    const int n = co_await manual{op};
    resumed_on = std::this_thread::get_id();
    co_return n;
}

class foreign : public ::testing::Test {
   protected:
    template <class A>
    auto run(A&& a) {
        return loop_->run_until_complete(std::forward<A>(a));
    }
    std::unique_ptr<event_loop> loop_ = new_event_loop();
    operation op_;
    std::thread::id resumed_on_;
};

TEST_F(foreign, done_at_once) {
    op_.value = 3;
    EXPECT_EQ(run(awaits(op_, resumed_on_)), 3);
}

TEST_F(foreign, completed_by_a_callback) {
    loop_->call_later(1ms, [&] { op_.complete(4); });
    EXPECT_EQ(run(awaits(op_, resumed_on_)), 4);
}

TEST_F(foreign, completed_by_another_thread) {
    std::thread other;
    const auto t = loop_->create_task(awaits(op_, resumed_on_));
    loop_->call_soon([&] { other = std::thread([&] { op_.complete(5); }); });  // it waits by then
    EXPECT_EQ(run(t), 5);
    other.join();
    EXPECT_EQ(resumed_on_, std::this_thread::get_id());
}

TEST_F(foreign, completed_between_two_runs) {
    const auto t = loop_->create_task(awaits(op_, resumed_on_));
    loop_->run_ready();
    op_.complete(6);
    loop_->run_ready();
    EXPECT_EQ(t.result(), 6);
}

// The operation still has the frame's memory: a cancel waits for its end, and loses no value.
TEST_F(foreign, a_cancel_waits_for_the_end) {
    const auto body = [](operation& op) -> coroutine<std::string> {
        std::string log = std::to_string(co_await manual{op});
        try {
            co_await sleep(0s);
        } catch (const cancelled_error&) {
            log += " then cancelled";
        }
        co_return log;
    };
    const auto t = loop_->create_task(body(op_));
    loop_->run_ready();
    EXPECT_TRUE(t.cancel());
    loop_->run_ready();
    EXPECT_FALSE(t.done());
    op_.complete(7);
    loop_->run_ready();
    EXPECT_EQ(t.result(), "7 then cancelled");
}

TEST_F(foreign, a_task_that_is_cancelled_before_it_awaits_one) {
    const auto body = [](operation& op) -> coroutine<int> {
        current_task().cancel();
        const int n = co_await manual{op};
        co_await sleep(0s);
        co_return n;
    };
    const auto t = loop_->create_task(body(op_));
    loop_->run_ready();
    op_.complete(1);
    loop_->run_ready();
    EXPECT_TRUE(t.cancelled());
}

struct never_suspends {
    int calls = 0;
    static bool await_ready() { return false; }
    bool await_suspend(std::coroutine_handle<>) {
        ++calls;
        return false;
    }
    [[nodiscard]] int await_resume() const { return calls; }
};
struct suspends_if {
    operation& op;
    bool yes;
    static bool await_ready() { return false; }
    bool await_suspend(std::coroutine_handle<> h) const {
        op.waiter = h;
        return yes;
    }
    static int await_resume() { return 8; }
};

TEST_F(foreign, await_suspend_may_say_no) {
    const auto body = [](operation& op) -> coroutine<int> {
        const int once = co_await never_suspends();
        const int n = co_await suspends_if{op, true};
        co_return n + once;
    };
    loop_->call_later(1ms, [&] { op_.complete(0); });
    EXPECT_EQ(run(body(op_)), 9);
}

struct transfers {
    operation& op;
    static bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) const {
        op.waiter = h;
        return std::noop_coroutine();
    }
    static int await_resume() { return 9; }
};
struct transfers_back {
    static bool await_ready() { return false; }
    static std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) { return h; }
    static int await_resume() { return 10; }
};

TEST_F(foreign, await_suspend_may_transfer) {
    const auto body = [](operation& op) -> coroutine<int> {
        const int a = co_await transfers{op};
        const int b = co_await transfers_back();
        co_return a + b;
    };
    loop_->call_later(1ms, [&] { op_.complete(0); });
    EXPECT_EQ(run(body(op_)), 19);
}

struct throws_in {
    int where;
    [[nodiscard]] bool await_ready() const {
        if (where == 0) throw std::runtime_error("ready");
        return where == 2;
    }
    void await_suspend(std::coroutine_handle<>) const { throw std::runtime_error("suspend"); }
    static void await_resume() { throw std::runtime_error("resume"); }
};

TEST_F(foreign, exceptions_of_each_function) {
    const auto body = [](int where) -> coroutine<std::string> {
        std::string what;
        try {
            co_await throws_in{where};
        } catch (const std::runtime_error& e) {
            what = e.what();
        }
        co_await sleep(0s);
        co_return what;
    };
    EXPECT_EQ(run(body(0)), "ready");
    EXPECT_EQ(run(body(1)), "suspend");
    EXPECT_EQ(run(body(2)), "resume");
}

struct resumes_inside {
    static bool await_ready() { return false; }
    static void await_suspend(std::coroutine_handle<> h) { h.resume(); }
    static int await_resume() { return 11; }
};

TEST_F(foreign, one_that_completes_inside_await_suspend) {
    const auto body = []() -> coroutine<int> { co_return co_await resumes_inside(); };
    EXPECT_EQ(run(body()), 11);
}

// Every form in which the language finds an awaiter.
struct member_operator {
    operation& op;
    [[nodiscard]] manual operator co_await() const { return {op}; }
};
struct free_operator {
    operation& op;
};
manual operator co_await(const free_operator& f) { return {f.op}; }
struct immovable {
    immovable() = default;
    immovable(const immovable&) = delete;
    static bool await_ready() { return false; }
    static void await_suspend(std::coroutine_handle<> h) { h.resume(); }
    static int await_resume() { return 12; }
};
struct gives_immovable {
    immovable operator co_await() const { return {}; }
};

TEST_F(foreign, every_way_to_find_the_awaiter) {
    const auto body = [](operation& op) -> coroutine<int> {
        const member_operator named{op};
        int sum = co_await named;
        sum += co_await member_operator{op};
        sum += co_await free_operator{op};
        manual awaiter{op};
        sum += co_await awaiter;
        sum += co_await gives_immovable();
        immovable in_place;
        sum += co_await in_place;
        co_return sum;
    };
    op_.value = 1;
    EXPECT_EQ(run(body(op_)), 4 + 24);
}

TEST_F(foreign, describes_itself) {
    const auto t = loop_->create_task(awaits(op_, resumed_on_));
    loop_->run_ready();
    ASSERT_NE(static_cast<detail::task_state_base&>(*t.state()).waiting_on, nullptr);
    EXPECT_EQ(static_cast<detail::task_state_base&>(*t.state()).waiting_on->describe(),
              "a foreign awaitable");
    op_.complete(1);
    loop_->run_ready();
}

TEST_F(foreign, completed_after_the_loop_was_closed) {
    (void)loop_->create_task(awaits(op_, resumed_on_));
    loop_->run_ready();
    ::testing::internal::CaptureStderr();
    loop_->close();
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("pending"), std::string::npos);
    op_.complete(1);  // the relay frees itself
    loop_.reset();
}

TEST_F(foreign, many_threads_complete_many_operations) {
    constexpr std::size_t count = 200;
    std::vector<operation> ops(count);
    std::vector<std::thread::id> ids(count);
    std::vector<task<int>> tasks;
    for (std::size_t i = 0; i < count; ++i)
        tasks.push_back(loop_->create_task(awaits(ops[i], ids[i])));
    loop_->run_ready();
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < count; i += 4) ops[i].complete(static_cast<int>(i));
        });
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(run(tasks[i]), static_cast<int>(i));
    for (std::thread& t : threads) t.join();
    for (const std::thread::id id : ids) EXPECT_EQ(id, std::this_thread::get_id());
}

}  // namespace foreign_test
