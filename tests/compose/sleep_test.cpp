#include "asyncio/compose/sleep.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace sleep_test {

using asyncio::cancelled_error;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::run;
using asyncio::sleep;
using namespace situations;

coroutine<> note(std::vector<int>& log, int n) {
    log.push_back(n);
    co_return;
}

// S4
TEST(sleep, of_zero_lets_the_others_run_for_exactly_one_round) {
    std::vector<int> log;
    const auto main = [&]() -> coroutine<> {
        asyncio::event_loop& loop = asyncio::get_running_loop();
        loop.call_soon([&] {
            log.push_back(1);
            asyncio::get_running_loop().call_soon([&] { log.push_back(3); });
        });
        co_await sleep(0s);
        log.push_back(2);
        co_await sleep(0s);
        log.push_back(4);
    };
    run(main);
    EXPECT_EQ(log, (std::vector<int>{1, 2, 3, 4}));
}

// S5
TEST(sleep, of_a_negative_delay_is_a_sleep_of_zero) {
    std::vector<int> log;
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task(note(log, 1));
        co_await sleep(-1h);
        log.push_back(2);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
    EXPECT_EQ(log, (std::vector<int>{1, 2}));
}

// S5
TEST(sleep, of_not_a_number_is_refused) {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(error_of([&] { (void)sleep(nan); }),
              "std::invalid_argument: asyncio: a delay is not a number (NaN)");
}

// S5
TEST(sleep, takes_its_timer_back_when_it_is_cancelled) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(sleep(1h));
        co_await sleep(0s);
        const std::size_t armed = asyncio::get_running_loop().timers.size();
        EXPECT_EQ(armed, 1u);
        EXPECT_TRUE(t.cancel("enough"));
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty()) << "at once";
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled: enough");
    };
    run(main);
}

TEST(sleep, gives_its_result) {
    const auto main = []() -> coroutine<> {
        const int number = co_await sleep(0s, 42);
        EXPECT_EQ(number, 42);
        const std::string text = co_await sleep(1ms, std::string("late"));
        EXPECT_EQ(text, "late");
        const std::unique_ptr<int> owned = co_await sleep(1ms, std::make_unique<int>(7));
        EXPECT_EQ(*owned, 7);
        int local = 1;
        auto copy = co_await sleep(0s, local);
        ++copy;
        EXPECT_EQ(copy, 2);
        EXPECT_EQ(local, 1) << "the result is the sleep's own";
    };
    run(main);
}

TEST(sleep, is_over_not_before_its_time) {
    const auto main = []() -> coroutine<> {
        const asyncio::time_point begin = asyncio::get_running_loop().time();
        co_await sleep(2ms);
        EXPECT_GE(asyncio::get_running_loop().time() - begin, 2ms);
    };
    run(main);
}

TEST(sleep, runs_wherever_something_to_await_is_taken) {
    EXPECT_EQ(run(sleep(0s, 1)), 1);
    const auto main = []() -> coroutine<> {
        const auto t = create_task(sleep(0s, 2));
        const int two = co_await t;
        EXPECT_EQ(two, 2);
        const auto [a, b] = co_await asyncio::gather(sleep(0s), sleep(1ms, 3));
        EXPECT_EQ(b, 3);
        (void)a;
        const int four = co_await asyncio::wait_for(sleep(0s, 4), 1h);
        EXPECT_EQ(four, 4);
        const int five = co_await asyncio::shield(sleep(0s, 5));
        EXPECT_EQ(five, 5);
    };
    run(main);
}

TEST(sleep, cancelled_before_it_starts_never_starts) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(sleep(1h));
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
    };
    run(main);
}

TEST(sleep, throws_a_cancel_that_was_pending_when_it_began) {
    const auto main = []() -> coroutine<std::string> {
        asyncio::current_task().cancel("pending");
        const std::string first = co_await ending(sleep(1h));
        asyncio::current_task().cancel("pending again");
        const std::string second = co_await ending(sleep(0s));
        co_return first + ", " + second;
    };
    EXPECT_EQ(run(main), "cancelled: pending, cancelled: pending again");
}

// S49
TEST(sleep, throws_two_cancels_of_one_round_once) {
    const auto twice = []() -> coroutine<int> {
        int thrown = 0;
        for (int i = 0; i < 3; ++i) {
            const std::string how = co_await ending(sleep(i == 0 ? 1h : 0h));
            if (how != "done") ++thrown;
        }
        co_return thrown;
    };
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task(twice);
        co_await rounds(2);
        t.cancel();
        t.cancel();
        EXPECT_EQ(t.cancelling(), 2u);
        const int thrown = co_await t;
        EXPECT_EQ(thrown, 1);
    };
    run(main);
}

// Decision A: the timer has fired, so the sleep is over; the cancel is thrown at the next await.
TEST(sleep, that_is_over_is_not_undone_by_a_cancel_in_the_same_round) {
    std::vector<std::string> log;
    const auto sleeper = [&]() -> coroutine<> {
        log.push_back(co_await ending(sleep(1ms)));
        log.push_back(co_await ending(sleep(0s)));
    };
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task(sleeper);
        asyncio::get_running_loop().call_later(1ms, [t] { t.cancel("late"); });
        co_await t;  // both are due in one round, the cancel first
    };
    on_virtual_time(main);
    EXPECT_EQ(log, (std::vector<std::string>{"done", "cancelled: late"}));
}

TEST(sleep, of_zero_takes_a_cancel_that_comes_meanwhile) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task([]() -> coroutine<> {
            for (;;) co_await sleep(0s);
        });
        co_await rounds(3);
        t.cancel("stop");
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled: stop");
    };
    run(main);
}

TEST(sleep, can_be_awaited_again) {
    const auto sleeper = []() -> coroutine<std::string> {
        auto nap = sleep(1ms);
        std::string how;
        try {
            co_await nap;
            how = "slept";
        } catch (const cancelled_error&) {
            how = "cancelled";
        }
        co_await nap;
        co_return how + ", then slept";
    };
    const auto main = [&]() -> coroutine<> {
        const std::string undisturbed = co_await create_task(sleeper);
        EXPECT_EQ(undisturbed, "slept, then slept");
        const auto t = create_task(sleeper);
        co_await sleep(0s);
        t.cancel();
        const std::string disturbed = co_await t;
        EXPECT_EQ(disturbed, "cancelled, then slept");
    };
    run(main);
}

TEST(sleep, without_end_is_ended_by_a_cancel) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(sleep(std::nullopt));
        co_await sleep(0s);
        EXPECT_TRUE(asyncio::get_running_loop().timers.empty());
        auto& state = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_EQ(state.waiting_on->describe(), "a sleep without end");
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
    };
    run(main);
}

TEST(sleep, says_in_a_stack_how_long_it_has_left) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(sleep(1h));
        co_await sleep(0s);
        auto& state = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_TRUE(state.waiting_on->describe().starts_with("a sleep (3599.") ||
                    state.waiting_on->describe().starts_with("a sleep (3600."))
            << state.waiting_on->describe();
        t.cancel();
    };
    run(main);
}

TEST(sleep, leaves_no_timer_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> { co_await sleep(1h); });
    auto loop = asyncio::new_event_loop();
    const reports heard(*loop);
    loop->create_task(sleep(1h));
    loop->run_ready();
    EXPECT_EQ(loop->timers.size(), 1u);
    loop->close();
    EXPECT_TRUE(loop->timers.empty());
    EXPECT_EQ(heard.all, std::vector<std::string>{"Task was destroyed but it is pending!"});
}

TEST(sleep, becomes_a_task_with_a_name) {
    const auto main = []() -> coroutine<> {
        const asyncio::task_options options{.name = "b"};
        const auto a = create_task(sleep(0s, 1), {.name = "a"});
        const auto b = asyncio::get_running_loop().create_task(sleep(0s, 2), options);
        EXPECT_EQ(a.get_name() + b.get_name(), "ab");
        EXPECT_EQ(co_await a + co_await b, 3);
    };
    run(main);
}

TEST(sleep, moves_until_it_is_awaited) {
    const auto main = []() -> coroutine<int> {
        auto first = sleep(0s, 3);
        auto second = std::move(first);
        co_return co_await second;
    };
    EXPECT_EQ(run(main), 3);
}

}  // namespace sleep_test
