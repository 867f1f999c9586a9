// The erased core, as the rooms above use it.
#include "asyncio/task/task_state.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace task_state_test {

using namespace asyncio;
using namespace std::chrono_literals;
using detail::future_state_base;
using detail::future_status;
using detail::task_state_base;
using support::manual_loop;
using support::reports;

struct listener final : detail::done_node {
    void future_done(future_state_base& f) noexcept override { status = f.status; }
    void future_dropped() noexcept override { dropped = true; }
    future_status status = future_status::pending;
    bool dropped = false;
};

TEST(future_state, tells_its_waiters_once) {
    manual_loop loop;
    listener a;
    listener b;
    listener gone;
    {
        const auto f = loop->create_future<int>();
        f.state()->add_waiter(a);
        f.state()->add_waiter(gone);
        f.state()->add_waiter(b);
        EXPECT_EQ(f.state()->waiters().size(), 3u);
        gone.unlink();
        f.set_result(1);
        EXPECT_EQ(a.status, future_status::value);
        EXPECT_EQ(b.status, future_status::value);
        EXPECT_EQ(gone.status, future_status::pending);
        EXPECT_TRUE(f.state()->waiters().empty());
        const auto pending = loop->create_future<int>();
        pending.state()->add_waiter(gone);
    }
    EXPECT_TRUE(gone.dropped);
    EXPECT_FALSE(a.dropped);
}

TEST(future_state, gives_its_end_without_throwing) {
    manual_loop loop;
    reports told(*loop);
    const auto failed = loop->create_future<int>();
    failed.set_exception(std::runtime_error("x"));
    EXPECT_EQ(detail::describe(failed.state()->error_or_cancel()), "std::runtime_error: x");
    const auto cancelled = loop->create_future<int>();
    cancelled.cancel("stop");
    EXPECT_NE(detail::as_cancelled(cancelled.state()->error_or_cancel()), nullptr);
    const auto lost = loop->create_future<int>();
    lost.set_exception(std::runtime_error("x"));
    lost.state()->mark_retrieved();
    EXPECT_TRUE(told.all.empty());
}

task_state_base& state_of(const task<>& t) { return static_cast<task_state_base&>(*t.state()); }

/// A wait that ends by hand; a cancel comes through only if it is allowed.
class gate : public detail::wait_node {
   public:
    using asyncio_awaiter = void;
    using asyncio_awaitable = void;
    explicit gate(bool may_cancel) : may_cancel_(may_cancel) {}
    gate(const gate&) = delete;
    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        task_ = h.promise().task;
        task_->wait_on(h.promise(), *this);
    }
    void await_resume() {
        if (cancelled_) task_->throw_cancel();
        if (hand_back_ && task_->take_pending_cancel()) {
            ++handed_back;
            task_->throw_cancel();
        }
    }
    void open() { task_->wake(); }
    void open_but_hand_back() {
        hand_back_ = true;
        task_->wake();
    }
    int handed_back = 0;

   private:
    bool cancel_wait(task_state_base& t, const detail::cancel_ref&) noexcept override {
        if (!may_cancel_) return false;
        cancelled_ = true;
        t.wake();
        return true;
    }
    [[nodiscard]] std::string describe() const override { return "a gate"; }
    task_state_base* task_ = nullptr;
    bool may_cancel_;
    bool cancelled_ = false;
    bool hand_back_ = false;
};

coroutine<> passes(gate& g, std::string& log) {
    try {
        co_await g;
        log += "passed ";
        co_await sleep(0s);
        log += "done";
    } catch (const cancelled_error&) {
        log += "cancelled";
    }
}

TEST(wait_node, a_cancel_that_it_takes) {
    manual_loop loop;
    gate g(true);
    std::string log;
    const auto t = loop->create_task(passes(g, log));
    loop->run_ready();
    EXPECT_EQ(state_of(t).waiting_on->describe(), "a gate");
    EXPECT_EQ(state_of(t).waiting_on->owner(), nullptr);
    EXPECT_EQ(state_of(t).waiting_on->awaited_task(), nullptr);
    t.cancel();
    EXPECT_EQ(state_of(t).waiting_on, nullptr);
    loop->run_ready();
    EXPECT_EQ(log, "cancelled");
}

TEST(wait_node, a_cancel_that_it_refuses_stays_pending) {
    manual_loop loop;
    gate g(false);
    std::string log;
    const auto t = loop->create_task(passes(g, log));
    loop->run_ready();
    t.cancel();
    EXPECT_TRUE(state_of(t).must_cancel);
    loop->run_ready();
    EXPECT_EQ(log, "");
    g.open();
    loop->run_ready();
    EXPECT_EQ(log, "passed cancelled");
}

// Decision B: what can be handed back is handed back.
TEST(wait_node, a_grant_is_handed_back_when_a_cancel_came_after_it) {
    manual_loop loop;
    gate g(false);
    std::string log;
    const auto t = loop->create_task(passes(g, log));
    loop->run_ready();
    g.open_but_hand_back();
    t.cancel();
    loop->run_ready();
    EXPECT_EQ(log, "cancelled");
    EXPECT_EQ(g.handed_back, 1);
}

TEST(task_state, knows_its_place) {
    manual_loop loop;
    gate g(true);
    std::string log;
    const auto t = loop->create_task(passes(g, log), task_options{.name = "one"});
    EXPECT_TRUE(state_of(t).is_task);
    EXPECT_FALSE(state_of(t).started());
    EXPECT_EQ(state_of(t).number(), 1u);
    EXPECT_TRUE(task_state_base::is_step(state_of(t).run));
    loop->run_ready();
    EXPECT_TRUE(state_of(t).started());
    EXPECT_TRUE(task_state_base::is_step(state_of(t).run));
    t.cancel();
    loop->run_ready();
    EXPECT_EQ(state_of(t).root, nullptr);
}

TEST(task_state, an_awaited_task_is_the_owner_of_the_wait) {
    manual_loop loop;
    gate g(true);
    std::string log;
    const auto inner = loop->create_task(passes(g, log));
    const auto waits = [](task<> other) -> coroutine<> { co_await other; };
    const auto outer = loop->create_task(waits, inner);
    loop->run_ready();
    EXPECT_EQ(state_of(outer).waiting_on->owner(), &state_of(inner));
    EXPECT_EQ(state_of(outer).waiting_on->awaited_task(), &state_of(inner));
    g.open();
    loop->run_ready();
    EXPECT_TRUE(outer.done());
}

}  // namespace task_state_test
