// The turn, and the inbox for other threads.
#include "asyncio/loop/loop_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "support/manual_backend.hpp"

namespace loop_core_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;

TEST(loop_core, a_turn_polls_without_waiting_while_something_is_ready) {
    manual_loop loop;
    loop->call_soon([] {});
    loop->run_ready();
    ASSERT_EQ(loop.outside->polls.size(), 1u);
    EXPECT_EQ(loop.outside->polls[0].nanoseconds(), 0ns);
}

TEST(loop_core, busy_turns_ask_the_outside_now_and_then) {
    auto loop = new_event_loop();
    int left = 10'000;
    const std::function<void()> again = [&] {
        if (--left > 0)
            loop->call_soon(again);
        else
            loop->stop();
    };
    bool io = false;
    loop->call_soon(again);
    std::thread other([&] { loop->call_soon_threadsafe([&] { io = left > 0; }); });
    loop->run_forever();
    other.join();
    loop->run_ready();
    EXPECT_EQ(left, 0);
}

/// Has `turns` turns of a loop, each of which takes `turn`.
void keep_busy(manual_loop& loop, int turns, std::chrono::nanoseconds turn) {
    const std::function<void()> again = [&] {
        loop.outside->advance(turn);
        if (--turns > 0)
            loop->call_soon(again);
        else
            loop->stop();
    };
    loop->call_soon(again);
    loop->run_forever();
}

// The clock is read more rarely while turns are short. A long one costs no more than it did before
// that is noticed: from then on each turn asks.
TEST(loop_core, asks_the_outside_after_each_turn_once_turns_are_long) {
    manual_loop loop;
    keep_busy(loop, 10'000, 20ns);
    const std::size_t of_short_turns = loop.outside->polls.size();
    EXPECT_GE(of_short_turns, 3u) << "in 200 us";
    EXPECT_LE(of_short_turns, 6u);

    keep_busy(loop, 1000, 100us);
    EXPECT_GE(loop.outside->polls.size() - of_short_turns, 1000u - 64u);
}

TEST(loop_core, a_busy_loop_is_on_time) {
    manual_loop loop;
    const time_point due = loop->time() + 150us;
    time_point fired{};
    loop->call_at(due, [&] { fired = loop->time(); });
    keep_busy(loop, 10'000, 20ns);
    EXPECT_GE(fired, due);
    EXPECT_LE(fired, due + 40ns);
}

TEST(loop_core, a_deadline_far_away_costs_a_busy_loop_no_look_at_the_clock) {
    manual_loop loop;
    loop->call_later(1h, [] {});
    const std::size_t before = loop.outside->clock_reads;
    keep_busy(loop, 10'000, 20ns);
    EXPECT_LE(loop.outside->clock_reads - before, 500u);
}

// Nobody knows how long the turns after a pause will be.
TEST(loop_core, is_on_time_when_short_turns_are_followed_by_a_pause_and_long_ones) {
    manual_loop loop;
    keep_busy(loop, 10'000, 20ns);
    loop->call_later(1ms, [&] { loop->stop(); });
    loop->run_forever();

    const time_point due = loop->time() + 1ms;
    time_point fired{};
    loop->call_at(due, [&] { fired = loop->time(); });
    keep_busy(loop, 100, 100us);
    EXPECT_GE(fired, due);
    EXPECT_LE(fired, due + 300us);
}

/// Arms `crowd` deadlines for one moment, and 20 that follow it, `apart` each. Gives how late the
/// latest was called.
std::chrono::nanoseconds lateness_after_a_crowd(manual_loop& loop, int crowd,
                                                std::chrono::nanoseconds apart) {
    const time_point start = loop->time() + 1ms;
    std::chrono::nanoseconds latest{};
    std::vector<int> order;
    for (int i = 0; i < crowd; ++i) loop->call_at(start, [&order] { order.push_back(0); });
    for (int i = 1; i <= 20; ++i)
        loop->call_at(start + i * apart, [&, i] {
            order.push_back(i);
            latest = std::max(latest, loop->time() - (start + i * apart));
            if (i == 20) loop->stop();
        });
    loop->run_forever();
    EXPECT_EQ(order.size(), static_cast<std::size_t>(crowd + 20));
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    return latest;
}

TEST(loop_core, deadlines_that_follow_a_crowd_gather) {
    manual_loop loop;
    EXPECT_LE(lateness_after_a_crowd(loop, 10, 5us), 250us);
    EXPECT_LE(loop.outside->polls.size(), 3u) << "of 21 moments within 100 us";
}

TEST(loop_core, deadlines_that_follow_few_others_are_on_time) {
    manual_loop loop;
    EXPECT_EQ(lateness_after_a_crowd(loop, 3, 5us), 0us);
}

TEST(loop_core, deadlines_that_follow_a_crowd_from_afar_are_on_time) {
    manual_loop loop;
    EXPECT_EQ(lateness_after_a_crowd(loop, 100, 300us), 0us);
}

TEST(loop_core, a_loop_that_spins_is_on_time_after_a_crowd) {
    manual_loop loop;
    loop->spin = 1us;
    loop.outside->takes = 1us;
    EXPECT_LE(lateness_after_a_crowd(loop, 10, 50us), 2us);
}

TEST(loop_core, a_simulated_loop_is_on_time_after_a_crowd) {
    manual_loop loop(true);
    EXPECT_EQ(lateness_after_a_crowd(loop, 10, 5us), 0us);
}

// A scheduler that simulates may run the ready in any order, but never what became ready later.
TEST(loop_core, the_outside_may_pick) {
    manual_loop loop(true);
    std::vector<int> log;
    for (int i = 0; i < 3; ++i)
        loop->call_soon([&, i] {
            log.push_back(i);
            if (i == 2) loop->call_soon([&] { log.push_back(9); });
        });
    loop->run_ready();
    EXPECT_EQ(log.size(), 4u);
    EXPECT_EQ(log[0], 2);
}

// S22: call_soon_threadsafe wakes a loop that waits.
TEST(loop_core, a_post_wakes_the_loop) {
    auto loop = new_event_loop();
    std::atomic<bool> waiting{false};
    loop->call_soon([&] { waiting = true; });
    std::thread other([&] {
        while (!waiting) std::this_thread::yield();
        loop->call_soon_threadsafe([&] { loop->stop(); });
    });
    loop->run_forever();
    other.join();
}

TEST(loop_core, posts_of_many_threads_arrive_once_each_and_in_order) {
    constexpr int threads = 4;
    constexpr int posts = 5000;
    auto loop = new_event_loop();
    std::vector<int> last(threads, -1);
    int total = 0;
    bool ordered = true;
    std::vector<std::thread> others;
    for (int t = 0; t < threads; ++t)
        others.emplace_back([&, t] {
            for (int i = 0; i < posts; ++i)
                loop->call_soon_threadsafe([&, t, i] {
                    int& before = last[static_cast<std::size_t>(t)];
                    if (before + 1 != i) ordered = false;
                    before = i;
                    if (++total == threads * posts) loop->stop();
                });
        });
    loop->run_forever();
    for (std::thread& t : others) t.join();
    EXPECT_EQ(total, threads * posts);
    EXPECT_TRUE(ordered);
}

TEST(loop_core, posts_before_the_first_run_are_kept) {
    auto loop = new_event_loop();
    int calls = 0;
    std::thread other([&] {
        loop->call_soon_threadsafe([&] { ++calls; });
        loop->call_soon_threadsafe([&] {
            ++calls;
            loop->stop();
        });
    });
    other.join();
    loop->run_forever();
    EXPECT_EQ(calls, 2);
}

TEST(loop_core, posts_to_a_closed_loop_throw_and_are_destroyed) {
    auto loop = new_event_loop();
    auto owned = std::make_shared<int>(1);
    std::thread before([&] { loop->call_soon_threadsafe([owned] {}); });
    before.join();
    loop->close();
    EXPECT_EQ(owned.use_count(), 1);
    std::thread after([&] {
        try {
            loop->call_soon_threadsafe([owned] {});
            ADD_FAILURE() << "it was accepted";
        } catch (const std::runtime_error& e) {
            EXPECT_STREQ(e.what(), "asyncio: call_soon_threadsafe: the event loop is closed");
        }
    });
    after.join();
    EXPECT_EQ(owned.use_count(), 1);
}

TEST(loop_core, posting_while_the_loop_closes_either_throws_or_is_dropped) {
    for (int round = 0; round < 50; ++round) {
        auto loop = new_event_loop();
        auto owned = std::make_shared<int>(1);
        std::atomic<bool> go{false};
        std::thread other([&] {
            while (!go) std::this_thread::yield();
            try {
                for (;;) loop->call_soon_threadsafe([owned] {});
            } catch (const std::runtime_error&) {
            }
        });
        go = true;
        loop->run_ready();
        loop->close();
        other.join();
        EXPECT_EQ(owned.use_count(), 1);
    }
}

TEST(loop_core, a_future_keeps_the_memory_of_its_loop) {
    future<int> f;
    {
        auto loop = new_event_loop();
        f = loop->create_future<int>();
    }
    EXPECT_TRUE(f.get_loop().is_closed());
    f.set_result(3);
    EXPECT_EQ(f.result(), 3);
}

struct log_deadline final : detail::deadline {
    explicit log_deadline(std::vector<std::string>& l, const char* n = "deadline")
        : log(l), name(n) {}
    void expired() noexcept override { log.emplace_back(name); }
    std::vector<std::string>& log;
    const char* name;
};

TEST(deadline, expires_behind_what_was_ready_already) {
    manual_loop loop;
    std::vector<std::string> log;
    log_deadline d(log);
    d.arm(*loop, loop->time());
    loop->call_soon([&] { log.emplace_back("ready"); });
    loop->run_ready();
    EXPECT_EQ(log, (std::vector<std::string>{"ready", "deadline"}));
    d.disarm(*loop);
}

TEST(deadline, is_taken_back_in_the_round_in_which_it_is_due) {
    manual_loop loop;
    std::vector<std::string> log;
    log_deadline d(log);
    d.arm(*loop, loop->time() + 1s);
    loop->call_later(1s, [&] { log.emplace_back("timer"); });
    loop->call_soon([&] { d.disarm(*loop); });
    loop->call_later(2s, [&] { loop->stop(); });
    loop->run_forever();
    EXPECT_EQ(log, std::vector<std::string>{"timer"});
    {
        log_deadline dies(log);
        dies.arm(*loop, loop->time());
        dies.disarm(*loop);
    }
    loop->run_ready();
    EXPECT_EQ(log.size(), 1u);
}

TEST(deadline, has_a_place_of_its_own_among_what_is_ready) {
    manual_loop loop;
    std::vector<std::string> log;
    log_deadline first(log, "first");
    log_deadline second(log, "second");
    log_deadline taken_back(log, "taken back");
    first.arm_expired(*loop);
    taken_back.arm_expired(*loop);
    loop->call_soon([&] { log.emplace_back("between"); });
    second.arm_expired(*loop);
    EXPECT_TRUE(second.is_due());
    taken_back.disarm(*loop);
    loop->run_ready();
    EXPECT_EQ(log, (std::vector<std::string>{"first", "between", "second"}));
    EXPECT_FALSE(second.is_due());
}

TEST(deadline, is_dropped_with_its_loop) {
    std::vector<std::string> log;
    log_deadline d(log);
    {
        manual_loop loop;
        d.arm_expired(*loop);
        log_deadline taken_back(log);
        taken_back.arm_expired(*loop);
        taken_back.disarm(*loop);
    }
    EXPECT_FALSE(d.is_due());
    EXPECT_TRUE(log.empty());
}

// ---- spinning before it waits ----

std::size_t polls_that_wait(const manual_loop& loop) {
    return static_cast<std::size_t>(std::count_if(
        loop.outside->polls.begin(), loop.outside->polls.end(),
        [](const delay& d) { return d.is_forever() || d.nanoseconds().count() > 0; }));
}

TEST(loop_core, without_spin_it_waits_at_once) {
    manual_loop loop;
    loop->call_later(1s, [&] { loop->stop(); });
    loop->run_forever();
    EXPECT_EQ(loop.outside->polls.size(), 1u);
    EXPECT_EQ(polls_that_wait(loop), 1u);
}

TEST(loop_core, asks_for_as_long_as_it_may_spin_and_then_waits) {
    manual_loop loop;
    loop->spin = 50us;
    loop.outside->takes = 10us;
    loop->call_later(1s, [&] { loop->stop(); });
    loop->run_forever();
    const auto& polls = loop.outside->polls;
    ASSERT_EQ(polls.size(), 6u);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(polls[i].nanoseconds(), 0ns) << i;
    EXPECT_EQ(polls[5].nanoseconds(), 1s - 50us) << "the deadline is not overslept";
}

TEST(loop_core, does_not_spin_past_a_deadline) {
    manual_loop loop;
    loop->spin = 1ms;
    loop.outside->takes = 10us;
    const time_point start = loop->time();
    time_point fired{};
    loop->call_later(25us, [&] {
        fired = loop->time();
        loop->stop();
    });
    loop->run_forever();
    EXPECT_EQ(polls_that_wait(loop), 0u);
    EXPECT_LE(fired - start, 40us);
}

TEST(loop_core, a_wake_up_ends_the_spin) {
    manual_loop loop;
    loop->spin = 1ms;
    loop.outside->takes = 1us;
    loop.outside->on_poll = [&] {
        if (loop.outside->polls.size() != 3) return;
        std::thread([&] { loop->call_soon_threadsafe([&] { loop->stop(); }); }).join();
    };
    loop->run_forever();
    EXPECT_EQ(loop.outside->polls.size(), 3u) << "it was not asked again";
    EXPECT_FALSE(loop.outside->woken) << "a loop that spins needs no system call to be woken";
}

TEST(loop_core, what_became_ready_ends_the_spin) {
    manual_loop loop;
    loop->spin = 1ms;
    loop.outside->takes = 1us;
    loop.outside->on_poll = [&] {
        if (loop.outside->polls.size() == 4) loop->call_soon([&] { loop->stop(); });
    };
    loop->run_forever();
    EXPECT_EQ(loop.outside->polls.size(), 4u);
}

TEST(loop_core, a_host_is_never_kept_waiting_by_a_spin) {
    manual_loop loop;
    loop->spin = 1ms;
    loop->run_ready();
    EXPECT_EQ(loop.outside->polls.size(), 1u);
}

TEST(loop_core, simulations_do_not_spin) {
    manual_loop loop(true);
    loop->spin = 1ms;
    loop->call_later(1s, [&] { loop->stop(); });
    loop->run_forever();
    EXPECT_EQ(loop.outside->polls.size(), 1u);
}

TEST(loop_core, refuses_to_spin_for_too_long) {
    const auto message = [](std::chrono::nanoseconds spin) -> std::string {
        try {
            (void)new_event_loop({.spin = spin});
            return "";
        } catch (const std::invalid_argument& e) {
            return e.what();
        }
    };
    EXPECT_EQ(message(1ms), "");
    EXPECT_EQ(message(2ms),
              "asyncio: loop_options::spin is 2000000 ns; it keeps a core busy, so it may be 0 "
              "(off) to 1 ms: try 50us");
    EXPECT_NE(message(-1ns).find("spin is -1 ns"), std::string::npos);
}

}  // namespace loop_core_test
