// Callbacks: call_soon, call_later, call_at, and their handles.
#include "asyncio/loop/handle.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/context.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace handle_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

/// Runs what is scheduled, until a stop that is scheduled now has been reached.
void run_until_idle(event_loop& loop) { (void)loop.run_ready(); }

// S1: FIFO, each exactly once, also mixed with call_soon_threadsafe.
TEST(call_soon, runs_in_order_and_once) {
    manual_loop loop;
    std::vector<int> log;
    for (int i = 0; i < 3; ++i) loop->call_soon([&log, i] { log.push_back(i); });
    run_until_idle(*loop);
    run_until_idle(*loop);
    EXPECT_EQ(log, (std::vector{0, 1, 2}));

    loop->call_soon([&] {
        loop->call_soon([&] { log.push_back(10); });
        loop->call_soon_threadsafe([&] { log.push_back(11); });
        loop->call_soon([&] { log.push_back(12); });
    });
    run_until_idle(*loop);
    EXPECT_EQ(log, (std::vector{0, 1, 2, 10, 11, 12}));
}

// S2: a callback scheduled by a callback runs in the next iteration, after one poll.
TEST(call_soon, from_a_callback_waits_for_the_next_round) {
    manual_loop loop;
    std::vector<std::uint64_t> turns;
    loop->call_soon([&] {
        turns.push_back(loop->turns);
        loop->call_soon([&] { turns.push_back(loop->turns); });
    });
    loop->call_soon([&] { turns.push_back(loop->turns); });
    run_until_idle(*loop);
    ASSERT_EQ(turns.size(), 3u);
    EXPECT_EQ(turns[0], turns[1]);
    EXPECT_EQ(turns[2], turns[0] + 1);
}

struct io final : detail::io_source {
    io(event_loop& l, std::vector<std::string>& log_) : io_source(7), loop(l), log(log_) {}
    void on_ready(unsigned) noexcept override {
        loop.call_soon([this] { log.emplace_back("io"); });
    }
    event_loop& loop;
    std::vector<std::string>& log;
};

// S3: what was ready, then the I/O of this poll, then the timers that have expired.
TEST(event_loop, order_within_one_round) {
    manual_loop loop;
    std::vector<std::string> log;
    io source(*loop, log);
    loop->call_later(0s, [&] { log.emplace_back("timer"); });
    loop->call_soon([&] { log.emplace_back("ready"); });
    loop.outside->happened = {{&source, detail::io_read}};
    const auto turn = loop->turns;
    run_until_idle(*loop);
    EXPECT_EQ(log, (std::vector<std::string>{"ready", "io", "timer"}));
    EXPECT_EQ(loop->turns, turn + 1);
}

TEST(call_soon, stores_arguments_by_value) {
    manual_loop loop;
    std::string text = "before";
    std::vector<std::string> log;
    loop->call_soon([&log](const std::string& s) { log.push_back(s); }, text);
    loop->call_soon([&log](std::string& s) { log.push_back(s); }, std::ref(text));
    loop->call_soon([&log](std::unique_ptr<int>& p) { log.push_back(std::to_string(*p)); },
                    std::make_unique<int>(7));
    text = "after";
    run_until_idle(*loop);
    EXPECT_EQ(log, (std::vector<std::string>{"before", "after", "7"}));
}

struct counter {
    void add(int n) { total += n; }
    int total = 0;
};
int plain_calls = 0;
void plain() { ++plain_calls; }

TEST(call_soon, takes_every_callable) {
    manual_loop loop;
    counter c;
    plain_calls = 0;
    loop->call_soon(plain);
    loop->call_soon(&plain);
    loop->call_soon(&counter::add, &c, 2);
    loop->call_soon(std::bind(&counter::add, &c, 3));
    loop->call_soon(std::function<void()>(plain));
    loop->call_soon([&c, p = std::make_unique<int>(4)] { c.add(*p); });
    run_until_idle(*loop);
    EXPECT_EQ(plain_calls, 3);
    EXPECT_EQ(c.total, 9);
}

TEST(call_soon, refuses_null) {
    manual_loop loop;
    void (*none)() = nullptr;
    const auto refuses = [](auto&& call) {
        try {
            call();
            FAIL() << "it was accepted";
        } catch (const std::invalid_argument& e) {
            EXPECT_STREQ(e.what(),
                         "asyncio: the callback is null: pass a function that can be called");
        }
    };
    refuses([&] { loop->call_soon(none); });
    refuses([&] { loop->call_soon(std::function<void()>()); });
    refuses([&] { loop->call_soon_threadsafe(none); });
    refuses([&] { loop->call_later(1s, none); });
    refuses([&] { loop->call_at(loop->time(), none); });
    refuses([&] { loop->add_reader(0, none); });
    refuses([&] { loop->add_signal_handler(10, none); });
    void (counter::*member)(int) = nullptr;
    counter c;
    refuses([&] { loop->call_soon(member, &c, 1); });
}

// S9: a cancelled handle never runs, even when it is in the ready queue.
TEST(handle, cancel) {
    manual_loop loop;
    bool ran = false;
    handle h = loop->call_soon([&] { ran = true; });
    EXPECT_FALSE(h.cancelled());
    loop->call_soon([&] { h.cancel(); });
    handle later;
    loop->call_soon([&] { later.cancel(); });
    later = loop->call_soon([&] { ran = true; });
    h.cancel();
    h.cancel();
    EXPECT_TRUE(h.cancelled());
    run_until_idle(*loop);
    EXPECT_FALSE(ran);
    EXPECT_TRUE(later.cancelled());
}

TEST(handle, empty_ones_are_harmless) {
    handle h;
    h.cancel();
    EXPECT_FALSE(h.cancelled());
    timer_handle t;
    t.cancel();
    EXPECT_EQ(t.when(), time_point());
}

TEST(handle, may_be_dropped_or_outlive_everything) {
    std::vector<int> log;
    handle kept;
    timer_handle timer;
    {
        manual_loop loop;
        loop->call_soon([&] { log.push_back(1); });
        kept = loop->call_soon([&] { log.push_back(2); });
        run_until_idle(*loop);
        timer = loop->call_later(1s, [&] { log.push_back(3); });
    }
    kept.cancel();
    timer.cancel();
    EXPECT_TRUE(timer.cancelled());
    EXPECT_EQ(log, (std::vector{1, 2}));
}

TEST(handle, cancels_itself_while_it_runs) {
    manual_loop loop;
    int calls = 0;
    handle h;
    h = loop->call_soon([&] {
        ++calls;
        h.cancel();
    });
    run_until_idle(*loop);
    EXPECT_EQ(calls, 1);
}

// S19 [message and handle go to the exception handler], also from each kind of callback.
TEST(handle, reports_say_what_kind_of_callback_failed) {
    manual_loop loop;
    reports told(*loop);
    loop->call_soon([] { throw std::runtime_error("no"); });
    run_until_idle(*loop);
    ASSERT_EQ(told.all.size(), 1u);
    EXPECT_EQ(told.all[0].message, "Exception in a callback");
    EXPECT_EQ(detail::describe(told.all[0].exception), "std::runtime_error: no");
}

void complain(int) { throw std::runtime_error("no"); }
void complain_of(const future<>&) { throw std::runtime_error("no"); }

struct complainer {
    void operator()() const { throw std::runtime_error("no"); }
};

coroutine<> calls_soon(event_loop& loop) {
    loop.call_soon([] { throw std::runtime_error("no"); });
    co_return;
}

TEST(handle, reports_name_the_callable) {
    manual_loop loop;
    reports told(*loop);
    loop->call_soon(complain, 1);
    loop->call_soon(complainer());
    loop->call_soon([] { throw std::runtime_error("no"); });
    loop->create_task(calls_soon(*loop));
    const auto done = loop->create_future<>();
    done.add_done_callback(complain_of);
    done.set_result();
    run_until_idle(*loop);
    run_until_idle(*loop);
    ASSERT_EQ(told.all.size(), 5u);
    std::vector<std::string> details;
    for (const exception_context& c : told.all) details.push_back(c.details);
    EXPECT_TRUE(details[0].starts_with("  callback: handle_test::complain(int), ")) << details[0];
    EXPECT_EQ(details[1], "  callback: handle_test::complainer");
    EXPECT_TRUE(details[3].starts_with("  callback: handle_test::complain_of(")) << details[3];
#ifdef __clang__
    EXPECT_TRUE(details[2].starts_with("  callback: (lambda at ")) << details[2];
    EXPECT_NE(details[4].find("handle_test.cpp:"), std::string::npos);
#else
    EXPECT_TRUE(details[2].ends_with("::TestBody()::<lambda()>")) << details[2];
    EXPECT_EQ(details[4], "  callback: handle_test::calls_soon(asyncio::event_loop&)::<lambda()>");
#endif
}

TEST(handle, a_cancelled_error_in_a_callback_is_reported_too) {
    manual_loop loop;
    reports told(*loop);
    loop->call_soon([] { throw cancelled_error("odd"); });
    run_until_idle(*loop);
    EXPECT_TRUE(told.contains("cancelled: odd"));
}

// S21: the handler runs in the context of the failing callback.
TEST(handle, runs_in_the_context_of_its_creation) {
    static context_var<int> variable("variable");
    manual_loop loop;
    std::vector<int> log;
    loop->set_exception_handler(
        [&](event_loop&, const exception_context&) { log.push_back(variable.get(-1)); });
    context c;
    c.run([&] {
        (void)variable.set(5);
        loop->call_soon([&] {
            log.push_back(variable.get(-1));
            (void)variable.set(6);
            throw std::runtime_error("no");
        });
        (void)variable.set(7);
        loop->call_later(0s, [&] { log.push_back(variable.get(-1)); });
    });
    run_until_idle(*loop);
    EXPECT_EQ(log, (std::vector{5, 6, 7}));
    EXPECT_EQ(variable.get(-1), -1);
}

TEST(call_later, waits_for_its_time) {
    manual_loop loop;
    const time_point start = loop->time();
    std::optional<time_point> at;
    const timer_handle h = loop->call_later(3s, [&] {
        at = loop->time();
        loop->stop();
    });
    EXPECT_EQ(h.when(), start + 3s);
    loop->run_forever();
    EXPECT_EQ(at, start + 3s);
}

// S6: negative delays are accepted and run by deadline.
TEST(call_later, negative_delays_run_by_deadline) {
    manual_loop loop;
    std::vector<int> log;
    loop->call_later(0s, [&] { log.push_back(0); });
    loop->call_later(-1s, [&] { log.push_back(-1); });
    loop->call_later(-2s, [&] { log.push_back(-2); });
    loop->call_later(std::chrono::nanoseconds::min(), [&] { log.push_back(-3); });
    EXPECT_TRUE(loop->run_ready().is_forever());
    EXPECT_EQ(log, (std::vector{-3, -2, -1, 0}));
}

TEST(call_later, never_is_allowed) {
    manual_loop loop;
    const timer_handle h = loop->call_later(std::nullopt, [] {});
    EXPECT_EQ(h.when(), time_point::max());
    EXPECT_FALSE(loop->run_ready().is_forever());
}

// S5: a delay that is not a number is an error.
TEST(call_later, refuses_what_is_not_a_number) {
    manual_loop loop;
    EXPECT_THROW(loop->call_later(std::chrono::duration<double>(std::nan("")), [] {}),
                 std::invalid_argument);
}

// S7: equal deadlines fire in the order of the calls.
TEST(call_at, equal_moments_are_fifo) {
    manual_loop loop;
    std::vector<int> log;
    const time_point when = loop->time() + 1s;
    for (int i = 0; i < 20; ++i) loop->call_at(when, [&log, i] { log.push_back(i); });
    loop->call_at(when, [&] { loop->stop(); });
    loop->run_forever();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(log[static_cast<std::size_t>(i)], i);
}

// S8: neither a busy spin nor an early return: one poll, to the nanosecond.
TEST(call_at, waits_exactly_once) {
    manual_loop loop;
    loop->call_at(loop->time() + 1'000'001ns, [&] { loop->stop(); });
    loop.outside->polls.clear();
    loop->run_forever();
    ASSERT_EQ(loop.outside->polls.size(), 1u);
    EXPECT_EQ(loop.outside->polls[0].nanoseconds(), 1'000'001ns);
}

// S10: cancelled timers do not pile up; here they leave the queue at once.
TEST(timer_handle, cancel_leaves_the_queue) {
    manual_loop loop;
    for (int i = 0; i < 1000; ++i) {
        timer_handle h = loop->call_later(1h, [] {});
        h.cancel();
        h.cancel();
    }
    EXPECT_EQ(loop->timers.size(), 0u);
    EXPECT_TRUE(loop->run_ready().is_forever());
}

TEST(timer_handle, cancelled_in_the_round_in_which_it_is_due) {
    manual_loop loop;
    bool ran = false;
    timer_handle second;
    loop->call_later(0s, [&] { second.cancel(); });
    second = loop->call_later(0s, [&] { ran = true; });
    run_until_idle(*loop);
    EXPECT_FALSE(ran);
}

TEST(callbacks, are_destroyed_with_what_they_own) {
    auto owned = std::make_shared<int>(1);
    {
        manual_loop loop;
        loop->call_soon([owned] {});
        run_until_idle(*loop);
        EXPECT_EQ(owned.use_count(), 1);
        loop->call_soon([owned] {});
        loop->call_soon_threadsafe([owned] {});
        loop->call_later(1s, [owned] {});
        EXPECT_EQ(owned.use_count(), 4);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

struct reschedules {
    explicit reschedules(event_loop& l) : loop(&l) {}
    reschedules(reschedules&& o) noexcept : loop(std::exchange(o.loop, nullptr)) {}
    ~reschedules() {
        if (loop != nullptr) loop->call_soon([] {});
    }
    void operator()() {}
    event_loop* loop;
};

TEST(callbacks, may_schedule_while_the_loop_closes) {
    manual_loop loop;
    loop->call_soon(reschedules(*loop));
    loop->call_later(1s, reschedules(*loop));
    loop->close();
    EXPECT_TRUE(loop->ready.empty());
}

}  // namespace handle_test
