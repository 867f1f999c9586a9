// Cancelling tasks: task.cancel(), uncancel(), and what an await makes of them.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace cancel_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

class cancel : public ::testing::Test {
   protected:
    void turn() { loop_->run_ready(); }
    manual_loop loop_;
    reports told_{*loop_};
};

coroutine<int> await_it(future<int> f) { co_return co_await f; }
coroutine<> sleeps() { co_await sleep(1h); }

/// Counts the cancels that it gets in `awaits` awaits.
coroutine<int> counts(int awaits, future<int> first) {
    int caught = 0;
    for (int i = 0; i < awaits; ++i) {
        try {
            if (i == 0)
                (void)co_await first;
            else
                co_await sleep(0s);
        } catch (const cancelled_error&) {
            ++caught;
        }
    }
    co_return caught;
}

// S43: cancelled before its first step: the body never runs, the arguments are destroyed.
TEST_F(cancel, before_the_start) {
    auto owned = std::make_shared<int>(1);
    bool ran = false;
    const auto body = [](std::shared_ptr<int>, bool& r) -> coroutine<> {
        r = true;
        co_return;
    };
    const auto t = loop_->create_task(body, owned, std::ref(ran));
    EXPECT_TRUE(t.cancel("never mind"));
    EXPECT_FALSE(t.done());
    turn();
    EXPECT_TRUE(t.cancelled());
    EXPECT_FALSE(ran);
    EXPECT_EQ(owned.use_count(), 1);
    EXPECT_TRUE(told_.all.empty());
    try {
        t.result();
        ADD_FAILURE();
    } catch (const cancelled_error& e) {
        EXPECT_EQ(e.message(), "never mind");  // S57
    }
}

// S44: cancel() is false only for a done task; each request counts.
TEST_F(cancel, requests_are_counted) {
    const auto t = loop_->create_task(sleeps());
    turn();
    EXPECT_EQ(t.cancelling(), 0u);
    EXPECT_TRUE(t.cancel());
    EXPECT_TRUE(t.cancel());
    EXPECT_EQ(t.cancelling(), 2u);
    EXPECT_FALSE(t.cancelled());  // S45
    turn();
    EXPECT_TRUE(t.cancelled());
    EXPECT_FALSE(t.cancel());
    EXPECT_EQ(t.cancelling(), 2u);
}

// S46: the awaited future is cancelled when cancel() returns, down to the leaf.
TEST_F(cancel, reaches_the_leaf_at_once) {
    const auto f = loop_->create_future<int>();
    const auto inner = loop_->create_task(await_it(f));
    const auto outer = loop_->create_task(await_it(inner));
    turn();
    outer.cancel("all of you");
    EXPECT_TRUE(f.cancelled());
    EXPECT_FALSE(inner.done());
    EXPECT_EQ(inner.cancelling(), 1u);
    turn();
    EXPECT_TRUE(inner.cancelled() && outer.cancelled());
    EXPECT_THROW((void)outer.result(), cancelled_error);
}

// S47: catch (const std::exception&) does not swallow it.
TEST_F(cancel, is_not_swallowed_by_a_catch_of_std_exception) {
    const auto body = []() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const std::exception&) {
            ADD_FAILURE();
        }
    };
    const auto t = loop_->create_task(body());
    turn();
    t.cancel();
    turn();
    EXPECT_TRUE(t.cancelled());
}

// S48: it may be swallowed; one request is one throw.
TEST_F(cancel, may_be_swallowed) {
    const auto f = loop_->create_future<int>();
    const auto t = loop_->create_task(counts(3, f));
    turn();
    t.cancel();
    turn();
    EXPECT_FALSE(t.cancelled());
    EXPECT_EQ(t.result(), 1);
    EXPECT_EQ(t.cancelling(), 1u);
}

coroutine<int> counts_sleeps(int awaits) {
    int caught = 0;
    for (int i = 0; i < awaits; ++i) {
        try {
            co_await sleep(i == 0 ? delay(1h) : delay(0s));
        } catch (const cancelled_error&) {
            ++caught;
        }
    }
    co_return caught;
}
coroutine<int> counts_task(task<> inner) {
    int caught = 0;
    try {
        co_await inner;
    } catch (const cancelled_error&) {
        ++caught;
    }
    try {
        co_await sleep(0s);
    } catch (const cancelled_error&) {
        ++caught;
    }
    co_return caught;
}

// S49: two cancels in one round: counted twice, thrown once.
TEST_F(cancel, twice_in_one_round) {
    const auto a = loop_->create_task(counts(3, loop_->create_future<int>()));
    const auto b = loop_->create_task(counts_sleeps(3));
    const auto c = loop_->create_task(counts_task(loop_->create_task(sleeps())));
    turn();
    for (const task<int>& t : {a, b, c}) {
        t.cancel();
        t.cancel();
        EXPECT_EQ(t.cancelling(), 2u);
    }
    turn();
    EXPECT_EQ(a.result(), 1);
    EXPECT_EQ(b.result(), 1);
    EXPECT_EQ(c.result(), 1);
}

TEST_F(cancel, again_in_a_later_round) {
    const auto body = []() -> coroutine<int> {
        int caught = 0;
        for (int i = 0; i < 3; ++i) {
            try {
                co_await sleep(1h);
            } catch (const cancelled_error&) {
                ++caught;
            }
        }
        co_return caught;
    };
    const auto t = loop_->create_task(body());
    turn();
    for (int i = 0; i < 3; ++i) {
        t.cancel();
        turn();
    }
    EXPECT_EQ(t.result(), 3);
}

// S50: a task that cancels itself: the next await throws at once.
TEST_F(cancel, itself) {
    const auto body = []() -> coroutine<std::string> {
        current_task().cancel("myself");
        std::string what;
        try {
            co_await sleep(1h);
        } catch (const cancelled_error& e) {
            what = e.message();
        }
        co_await sleep(0s);
        co_return what;
    };
    const auto t = loop_->create_task(body());
    const time_point start = loop_->time();
    turn();
    EXPECT_EQ(t.result(), "myself");
    EXPECT_EQ(loop_->time(), start);
}

TEST_F(cancel, itself_before_awaiting_a_future_or_a_task) {
    const auto f = loop_->create_future<int>();
    const auto child = loop_->create_task(sleeps());
    const auto body = [](future<int> g, task<> c) -> coroutine<int> {
        int caught = 0;
        current_task().cancel();
        try {
            (void)co_await g;
        } catch (const cancelled_error&) {
            ++caught;
        }
        current_task().cancel();
        try {
            co_await c;
        } catch (const cancelled_error&) {
            ++caught;
        }
        co_await sleep(0s);
        co_return caught;
    };
    const auto t = loop_->create_task(body(f, child));
    turn();
    EXPECT_EQ(t.result(), 2);
    EXPECT_TRUE(f.cancelled() && child.cancelled());
}

// S51: a task that cancels itself and returns ends cancelled; the value is lost (decision C).
TEST_F(cancel, itself_and_returns) {
    const auto body = []() -> coroutine<int> {
        current_task().cancel("too late");
        co_return 3;
    };
    const auto t = loop_->create_task(body());
    turn();
    EXPECT_TRUE(t.cancelled());
}

TEST_F(cancel, itself_and_fails) {
    const auto body = []() -> coroutine<int> {
        current_task().cancel();
        throw std::runtime_error("the error wins");
        co_return 3;
    };
    const auto t = loop_->create_task(body());
    turn();
    EXPECT_FALSE(t.cancelled());
    EXPECT_THROW((void)t.result(), std::runtime_error);
}

// S52: uncancel() to zero clears a cancel that was not delivered.
TEST_F(cancel, is_taken_back) {
    const auto body = []() -> coroutine<int> {
        const task<> self = current_task();
        self.cancel();
        self.cancel();
        EXPECT_EQ(self.uncancel(), 1u);
        EXPECT_EQ(self.uncancel(), 0u);
        EXPECT_EQ(self.uncancel(), 0u);  // S53: never below zero
        co_await sleep(0s);
        co_return 5;
    };
    const auto t = loop_->create_task(body());
    turn();
    EXPECT_EQ(t.result(), 5);
    EXPECT_EQ(t.cancelling(), 0u);
}

TEST_F(cancel, half_taken_back_is_still_delivered) {
    const auto body = []() -> coroutine<int> {
        const task<> self = current_task();
        self.cancel();
        self.cancel();
        (void)self.uncancel();
        co_await sleep(0s);
        co_return 5;
    };
    const auto t = loop_->create_task(body());
    turn();
    EXPECT_TRUE(t.cancelled());
}

// S53: uncancel() after the end changes nothing.
TEST_F(cancel, taken_back_too_late) {
    const auto t = loop_->create_task(sleeps());
    turn();
    t.cancel();
    turn();
    EXPECT_EQ(t.uncancel(), 0u);
    EXPECT_TRUE(t.cancelled());
    EXPECT_EQ(t.uncancel(), 0u);
}

// S54: cancelling the awaited future cancels the task that waits.
TEST_F(cancel, of_the_awaited_future) {
    const auto f = loop_->create_future<int>();
    const auto t = loop_->create_task(await_it(f));
    turn();
    f.cancel("from inside");
    turn();
    EXPECT_TRUE(t.cancelled());
    EXPECT_EQ(t.cancelling(), 0u);
    try {
        (void)t.result();
    } catch (const cancelled_error& e) {
        EXPECT_EQ(e.message(), "from inside");
    }
}

// S55, decision A: a value that is there is delivered; the cancel is thrown at the next await.
TEST_F(cancel, comes_after_the_value) {
    const auto f = loop_->create_future<int>();
    const auto body = [](future<int> g) -> coroutine<int> {
        const int value = co_await g;
        EXPECT_EQ(value, 7);
        co_await sleep(0s);
        ADD_FAILURE() << "the cancel was lost";
        co_return value;
    };
    const auto t = loop_->create_task(body(f));
    turn();
    f.set_result(7);
    EXPECT_TRUE(t.cancel("not lost"));
    turn();
    EXPECT_TRUE(t.cancelled());
}

TEST_F(cancel, comes_after_an_error) {
    const auto f = loop_->create_future<int>();
    const auto body = [](future<int> g) -> coroutine<std::string> {
        std::string what;
        try {
            (void)co_await g;
        } catch (const std::runtime_error& e) {
            what = e.what();
        }
        try {
            co_await sleep(0s);
        } catch (const cancelled_error&) {
            what += ", then cancelled";
        }
        co_return what;
    };
    const auto t = loop_->create_task(body(f));
    turn();
    f.set_exception(std::runtime_error("error"));
    t.cancel();
    turn();
    EXPECT_EQ(t.result(), "error, then cancelled");
}

TEST_F(cancel, comes_after_a_sleep_has_ended) {
    const auto body = []() -> coroutine<int> {
        co_await sleep(1s);
        try {
            co_await sleep(0s);
        } catch (const cancelled_error&) {
            co_return 1;
        }
        co_return 2;
    };
    const auto t = loop_->create_task(body());
    loop_->call_later(1s, [&] { t.cancel(); });
    loop_->call_later(2s, [&] { loop_->stop(); });
    loop_->run_forever();
    EXPECT_EQ(t.result(), 1);
}

// S5: cancelling a sleep takes its timer back.
TEST_F(cancel, a_sleep_takes_its_timer_back) {
    const auto t = loop_->create_task(sleeps());
    turn();
    EXPECT_EQ(loop_->timers.size(), 1u);
    t.cancel();
    EXPECT_EQ(loop_->timers.size(), 0u);
    turn();
    EXPECT_TRUE(t.cancelled());
}

// S56: a cancel of one who waits for a shared task cancels the task, and so the others.
TEST_F(cancel, of_one_who_waits_for_a_shared_task) {
    const auto shared = loop_->create_task(sleeps());
    const auto waits = [](task<> t) -> coroutine<> { co_await t; };
    const auto a = loop_->create_task(waits, shared);
    const auto b = loop_->create_task(waits, shared);
    turn();
    a.cancel();
    turn();
    EXPECT_TRUE(shared.cancelled() && a.cancelled() && b.cancelled());
    EXPECT_EQ(b.cancelling(), 0u);
}

TEST_F(cancel, says_who_asked_and_where) {
    const auto t = loop_->create_task(sleeps());
    const auto asks = [](task<> victim) -> coroutine<> {
        co_await sleep(0s);
        victim.cancel("because");
    };
    (void)loop_->create_task({.name = "judge"}, asks, t);
    turn();
    try {
        t.result();
        ADD_FAILURE();
    } catch (const cancelled_error& e) {
        EXPECT_EQ(e.reason().kind, cancel_kind::explicit_request);
        EXPECT_EQ(e.reason().who, "judge");
        EXPECT_NE(e.describe().find("cancelled: because (explicit, by judge, at "),
                  std::string::npos);
        EXPECT_NE(e.describe().find("cancel_test.cpp:"), std::string::npos);
    }
}

TEST_F(cancel, the_last_message_wins) {
    const auto t = loop_->create_task(sleeps());
    t.cancel("first");
    t.cancel("second");
    turn();
    try {
        t.result();
    } catch (const cancelled_error& e) {
        EXPECT_EQ(e.message(), "second");
    }
}

TEST_F(cancel, in_the_done_callback_of_what_it_waits_for) {
    const auto f = loop_->create_future<int>();
    task<int> t;
    f.add_done_callback([&](const future<int>&) { EXPECT_TRUE(t.cancel()); });
    t = loop_->create_task(await_it(f));
    turn();
    f.set_result(1);
    turn();
    EXPECT_TRUE(t.cancelled());  // C: it returned with a cancel that is pending
}

coroutine<> waits_for(task<>& other) { co_await other; }

// Tasks that wait for each other: a cancel of one ends all.
TEST_F(cancel, breaks_cycles) {
    for (const std::size_t length : {2u, 3u, 10u})
        for (std::size_t first = 0; first < length; first += 2) {
            std::vector<task<>> ring(length);
            for (std::size_t i = 0; i < length; ++i)
                ring[i] = loop_->create_task(waits_for, std::ref(ring[(i + 1) % length]));
            turn();
            EXPECT_TRUE(ring[first].cancel("deadlock"));
            turn();
            for (const task<>& t : ring) {
                EXPECT_TRUE(t.cancelled());
                EXPECT_EQ(t.cancelling(), 1u);
            }
        }
}

TEST_F(cancel, breaks_a_cycle_that_it_is_not_part_of) {
    std::vector<task<>> ring(3);
    for (std::size_t i = 0; i < 3; ++i)
        ring[i] = loop_->create_task(waits_for, std::ref(ring[(i + 1) % 3]));
    const auto outside = loop_->create_task(waits_for, std::ref(ring[1]));
    turn();
    outside.cancel();
    turn();
    EXPECT_TRUE(outside.cancelled());
    for (const task<>& t : ring) EXPECT_TRUE(t.cancelled());
}

TEST_F(cancel, a_cycle_that_closes_while_a_cancel_is_pending) {
    task<> a;
    task<> b;
    const auto first = [](task<>& other) -> coroutine<> {
        co_await sleep(0s);
        current_task().cancel();
        co_await other;
    };
    b = loop_->create_task(waits_for, std::ref(a));
    a = loop_->create_task(first, std::ref(b));
    turn();
    EXPECT_TRUE(a.cancelled() && b.cancelled());
}

TEST_F(cancel, of_two_paths_to_one_task) {
    const auto leaf = loop_->create_task(sleeps());
    const auto waits = [](task<> t) -> coroutine<> { co_await t; };
    const auto a = loop_->create_task(waits, leaf);
    const auto b = loop_->create_task(waits, leaf);
    turn();
    a.cancel();
    b.cancel();
    turn();
    EXPECT_TRUE(a.cancelled() && b.cancelled() && leaf.cancelled());
}

TEST_F(cancel, of_a_task_that_starts_others_while_it_cleans_up) {
    std::string log;
    const auto cleans = [](std::string& l) -> coroutine<> {
        std::exception_ptr why;
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            why = std::current_exception();
        }
        const auto child = create_task(sleep(0s));
        co_await child;
        l += "clean";
        std::rethrow_exception(why);
    };
    const auto t = loop_->create_task(cleans, std::ref(log));
    turn();
    t.cancel();
    turn();
    EXPECT_TRUE(t.cancelled());
    EXPECT_EQ(log, "clean");
}

}  // namespace cancel_test
