#include "asyncio/testing/simulate.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/executor/thread_pool_executor.hpp"
#include "asyncio/executor/to_thread.hpp"
#include "asyncio/loop/random.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/testing/interpose.hpp"

namespace simulate_test {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::sleep;
using asyncio::testing::scheduling;
using asyncio::testing::simulate;
using asyncio::testing::simulation_report;

constexpr scheduling all_strategies[] = {scheduling::fifo, scheduling::random, scheduling::pct,
                                         scheduling::timer_jitter, scheduling::any};

coroutine<> heartbeat(int& beats) {
    for (;;) {
        co_await sleep(1s);
        ++beats;
    }
}

coroutine<int> a_day() {
    int beats = 0;
    const auto heart = create_task(heartbeat, std::ref(beats));
    co_await sleep(24h + 1ms);
    co_return beats;
}

TEST(simulate, lets_a_day_pass_at_once) {
    simulation_report report;
    EXPECT_EQ(simulate(a_day, {.seed = 3, .report = &report}), 86400);
    EXPECT_EQ(report.elapsed, 24h + 1ms);
    EXPECT_EQ(report.seed, 3u);
    EXPECT_EQ(report.strategy, scheduling::random);
    EXPECT_GT(report.steps, 86400u);
}

TEST(simulate, takes_a_coroutine_and_gives_its_result) {
    const auto main = []() -> coroutine<std::unique_ptr<int>> {
        co_return std::make_unique<int>(7);
    };
    EXPECT_EQ(*simulate(main()), 7);
    EXPECT_EQ(*simulate(main), 7);
}

coroutine<> append(std::string& order, char name, int times) {
    for (int i = 0; i < times; ++i) {
        order += name;
        co_await sleep(0s);
    }
}

coroutine<std::string> three_at_once() {
    std::string order;
    co_await asyncio::gather(create_task(append, std::ref(order), 'a', 4),
                             create_task(append, std::ref(order), 'b', 4),
                             create_task(append, std::ref(order), 'c', 4));
    co_return order;
}

TEST(simulate, replays_a_seed_and_varies_with_it) {
    EXPECT_EQ(simulate(three_at_once, {.strategy = scheduling::fifo}), "abcabcabcabc");
    for (const auto strategy : {scheduling::random, scheduling::pct}) {
        simulation_report first;
        simulation_report second;
        const std::string order =
            simulate(three_at_once, {.seed = 5, .strategy = strategy, .report = &first});
        EXPECT_EQ(simulate(three_at_once, {.seed = 5, .strategy = strategy, .report = &second}),
                  order);
        EXPECT_EQ(first.trace_hash, second.trace_hash);
        std::set<std::string> orders;
        for (std::uint64_t seed = 1; seed <= 50; ++seed)
            orders.insert(simulate(three_at_once, {.seed = seed, .strategy = strategy}));
        EXPECT_GT(orders.size(), 5u) << to_string(strategy);
    }
}

TEST(simulate, has_the_same_hash_with_every_compiler) {
    simulation_report report;
    EXPECT_EQ(simulate(three_at_once, {.seed = 11, .report = &report}), "abbbaacbaccc");
    EXPECT_EQ(report.trace_hash, 9146387757766183556u);
    (void)simulate(three_at_once,
                   {.seed = 11, .strategy = scheduling::pct, .run_twice = true, .report = &report});
    EXPECT_EQ(report.trace_hash, 8252059331260624176u);
}

TEST(simulate, replays_a_trace) {
    simulation_report report;
    const std::string order = simulate(three_at_once, {.seed = 8, .report = &report});
    const auto trace = asyncio::testing::trace::parse(report.decisions.to_string());
    simulation_report again;
    EXPECT_EQ(simulate(three_at_once, {.replay = &trace, .report = &again}), order);
    EXPECT_EQ(again.trace_hash, report.trace_hash);
    EXPECT_EQ(again.decisions, report.decisions);
}

coroutine<> callbacks_in_order(std::vector<int>& order) {
    for (int i = 0; i < 20; ++i)
        asyncio::get_running_loop().call_soon([&order, i] { order.push_back(i); });
    const auto other = create_task(sleep(0s));
    while (order.size() < 20) co_await sleep(0s);
}

TEST(simulate, keeps_the_order_of_callbacks) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        for (const auto strategy : all_strategies) {
            std::vector<int> order;
            simulate(callbacks_in_order(order), {.seed = seed, .strategy = strategy});
            EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
        }
}

coroutine<std::chrono::nanoseconds> sleeps(std::chrono::nanoseconds d) {
    const auto before = asyncio::get_running_loop().time();
    co_await sleep(d);
    co_return asyncio::get_running_loop().time() - before;
}

TEST(simulate, is_on_time_unless_it_is_asked_to_be_late) {
    EXPECT_EQ(simulate(sleeps(3s)), 3s);
    EXPECT_EQ(simulate(sleeps(3s), {.strategy = scheduling::pct}), 3s);
    bool late = false;
    for (std::uint64_t seed = 1; seed < 10; ++seed) {
        const auto took =
            simulate(sleeps(3s), {.seed = seed, .strategy = scheduling::timer_jitter});
        EXPECT_GE(took, 3s);
        EXPECT_LE(took, 3300ms);
        late = late || took > 3s;
    }
    EXPECT_TRUE(late);
    EXPECT_LE(simulate(sleeps(3s), {.timer_jitter = 5ms}), 3005ms);
    EXPECT_NE(simulate(sleeps(3s), {.timer_jitter = 5ms}), 3s);
}

int blocking(int n) { return n * 2; }

coroutine<std::pair<int, std::chrono::nanoseconds>> calls_a_thread() {
    const auto before = asyncio::get_running_loop().time();
    const int n = co_await asyncio::to_thread(blocking, 21);
    const auto no_loop = [] { (void)asyncio::get_running_loop(); };
    try {
        co_await asyncio::to_thread(no_loop);
        ADD_FAILURE() << "a thread has no loop";
    } catch (const std::runtime_error&) {
    }
    co_return {n, asyncio::get_running_loop().time() - before};
}

TEST(simulate, runs_executor_calls_at_a_random_moment) {
    const auto [n, took] = simulate(calls_a_thread, {.seed = 4});
    EXPECT_EQ(n, 42);
    EXPECT_GT(took, 0s);
    EXPECT_LE(took, 20ms);
    EXPECT_EQ(simulate(calls_a_thread, {.executor_delay = 0s}).second, 0s);
}

coroutine<> uses_a_thread_pool() {
    auto& loop = asyncio::get_running_loop();
    asyncio::thread_pool_executor pool(2);
    EXPECT_EQ(co_await loop.run_in_executor(&pool, blocking, 4), 8);
    EXPECT_EQ(pool.thread_count(), 0u);
    loop.set_default_executor(std::make_unique<asyncio::thread_pool_executor>());
    const auto before = loop.time();
    EXPECT_EQ(co_await asyncio::to_thread(blocking, 5), 10);
    EXPECT_GT(loop.time(), before);
    pool.shutdown();
    EXPECT_THROW((void)loop.run_in_executor(&pool, blocking, 6), std::runtime_error);
}

TEST(simulate, has_no_threads_in_thread_pools) {
    simulate(uses_a_thread_pool, {.run_twice = true});
}

coroutine<std::uint64_t> draws() {
    asyncio::random_source random;
    static_assert(std::uniform_random_bit_generator<asyncio::random_source>);
    co_return random() ^ random();
}

TEST(simulate, gives_the_program_its_randomness) {
    EXPECT_EQ(simulate(draws, {.seed = 1}), simulate(draws, {.seed = 1}));
    EXPECT_NE(simulate(draws, {.seed = 1}), simulate(draws, {.seed = 2}));
    EXPECT_THROW((void)asyncio::random_source()(), std::runtime_error);
}

template <class Error, class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

coroutine<> two_locks(asyncio::lock& first, asyncio::lock& second) {
    co_await first.acquire();
    co_await sleep(1s);
    co_await second.acquire();
}

coroutine<> lock_order() {
    asyncio::lock a("A");
    asyncio::lock b("B");
    const auto t1 = create_task({.name = "t1"}, two_locks, std::ref(a), std::ref(b));
    const auto t2 = create_task({.name = "t2"}, two_locks, std::ref(b), std::ref(a));
    co_await asyncio::gather(t1, t2);
}

TEST(simulate, names_the_tasks_of_a_deadlock) {
    const std::string text =
        error_of<asyncio::testing::deadlock_error>([] { simulate(lock_order, {.quiet = true}); });
    EXPECT_NE(text.find("deadlock after 1.000000 s"), std::string::npos) << text;
    EXPECT_NE(text.find("a cycle: task 't1' waits for lock 'B' held by task 't2';\n"
                        "           task 't2' waits for lock 'A' held by task 't1'"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("simulate_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("two_locks"), std::string::npos) << text;
}

coroutine<> waits_for_nobody() { co_await asyncio::get_running_loop().create_future(); }

TEST(simulate, takes_quiescence_for_a_deadlock) {
    const std::string text = error_of<asyncio::testing::deadlock_error>(
        [] { simulate(waits_for_nobody, {.quiet = true}); });
    EXPECT_NE(text.find("task 'main' waits for a future"), std::string::npos) << text;
}

coroutine<> spins() {
    for (;;) co_await sleep(0s);
}
coroutine<> beats_for_ever() {
    int beats = 0;
    co_await heartbeat(beats);
}

TEST(simulate, has_limits) {
    const std::string steps = error_of<asyncio::testing::time_limit_error>(
        [] { simulate(spins, {.step_limit = 1000, .quiet = true}); });
    EXPECT_NE(steps.find("1000 steps"), std::string::npos) << steps;
    EXPECT_NE(steps.find("spins"), std::string::npos) << steps;
    const std::string time = error_of<asyncio::testing::time_limit_error>(
        [] { simulate(beats_for_ever, {.time_limit = 10min, .quiet = true}); });
    EXPECT_NE(time.find("600.000000 s"), std::string::npos) << time;
}

coroutine<> polls_the_clock() {
    auto& loop = asyncio::get_running_loop();
    const auto until = loop.time() + 5ms;
    while (loop.time() < until) co_await sleep(0s);
}

TEST(simulate, lets_a_program_that_polls_the_clock_end) { simulate(polls_the_clock); }

int runs_so_far = 0;
coroutine<> remembers() {
    if (++runs_so_far % 2 == 0) co_await sleep(1s);
}

TEST(simulate, notices_a_run_that_does_not_repeat) {
    const std::string text = error_of<asyncio::testing::nondeterminism_error>(
        [] { simulate(remembers, {.run_twice = true, .quiet = true}); });
    testing::internal::CaptureStderr();  // the coroutine is never awaited
    EXPECT_NE(text.find("two runs with seed 1 differ at step"), std::string::npos) << text;
    EXPECT_THROW(simulate(remembers(), {.run_twice = true}), std::invalid_argument);
    (void)testing::internal::GetCapturedStderr();
}

coroutine<> fails() {
    co_await sleep(1s);
    throw std::runtime_error("no route");
}
coroutine<> loses_an_exception() {
    (void)create_task(fails);
    co_await sleep(2s);
}
coroutine<> loses_a_coroutine() {
    {
        const auto forgotten = fails();
    }
    co_return;
}

TEST(simulate, fails_if_something_was_lost) {
    const auto lost = error_of<asyncio::testing::simulation_error>(
        [] { simulate(loses_an_exception, {.quiet = true}); });
    EXPECT_NE(lost.find("Task exception was never retrieved"), std::string::npos) << lost;
    EXPECT_NE(lost.find("no route"), std::string::npos) << lost;
    const auto forgotten = error_of<asyncio::testing::simulation_error>(
        [] { simulate(loses_a_coroutine, {.quiet = true}); });
    EXPECT_NE(forgotten.find("never awaited"), std::string::npos) << forgotten;
}

TEST(simulate, writes_a_failing_seed_with_its_command) {
    testing::internal::CaptureStderr();
    EXPECT_THROW(simulate(fails, {.seed = 99}), std::runtime_error);
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("seed 99 (random)"), std::string::npos) << text;
    EXPECT_NE(text.find("std::runtime_error: no route"), std::string::npos) << text;
    EXPECT_NE(text.find("run it again: ASYNCIO_SIM_SEED=99 "), std::string::npos) << text;
}

TEST(simulate, takes_the_seed_from_the_environment) {
    setenv("ASYNCIO_SIM_SEED", "12", 1);
    simulation_report report;
    simulate(polls_the_clock, {.seed = 3, .report = &report});
    EXPECT_EQ(report.seed, 12u);
    setenv("ASYNCIO_SIM_SEED", "twelve", 1);
    const auto text = error_of<std::invalid_argument>([] { simulate(polls_the_clock); });
    EXPECT_NE(text.find("'twelve' is not a seed"), std::string::npos) << text;
    unsetenv("ASYNCIO_SIM_SEED");
}

coroutine<> ignores_its_cancel() {
    for (;;) {
        try {
            co_await asyncio::get_running_loop().create_future();
        } catch (const asyncio::cancelled_error&) {
        }
    }
}
coroutine<> leaves_somebody() {
    (void)create_task({.name = "stubborn"}, ignores_its_cancel);
    co_await sleep(0s);
}

TEST(simulate, names_a_task_that_does_not_end) {
    const auto text = error_of<asyncio::testing::simulation_error>(
        [] { simulate(leaves_somebody, {.quiet = true}); });
    EXPECT_NE(text.find("these tasks did not end"), std::string::npos) << text;
    EXPECT_NE(text.find("'stubborn'"), std::string::npos) << text;
}

struct starts_a_task_at_its_end {
    ~starts_a_task_at_its_end() {
        const auto yields = []() -> coroutine<> { co_await sleep(0s); };
        (void)create_task({.eager_start = true}, yields);
    }
};
coroutine<> waits_for_ever() {
    const starts_a_task_at_its_end guard;
    co_await sleep(std::nullopt);
}

TEST(simulate, lets_destructors_start_tasks_after_a_failure) {
    EXPECT_THROW(simulate(waits_for_ever, {.quiet = true}), asyncio::testing::deadlock_error);
}

TEST(simulate, is_not_nested) {
    const auto nested = []() -> coroutine<> {
        EXPECT_THROW(simulate(polls_the_clock), std::runtime_error);
        co_return;
    };
    simulate(nested);
}

TEST(simulate, throws_what_main_throws) {
    EXPECT_THROW(simulate(fails, {.quiet = true}), std::runtime_error);
    const auto cancelled = []() -> coroutine<> {
        throw asyncio::cancelled_error("enough");
        co_return;
    };
    EXPECT_THROW(simulate(cancelled, {.quiet = true}), asyncio::cancelled_error);
}

coroutine<> watches_a_descriptor() {
    try {
        asyncio::get_running_loop().add_reader(0, [] {});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& e) {
        EXPECT_NE(std::string(e.what()).find("use open_connection, start_server"),
                  std::string::npos)
            << e.what();
    }
    co_return;
}

coroutine<> writes_to_a_descriptor() {
    EXPECT_THROW(asyncio::get_running_loop().add_writer(1, [] {}), std::system_error);
    co_return;
}

TEST(simulate, refuses_descriptors_of_the_system) {
    simulate(watches_a_descriptor);
    simulate(writes_to_a_descriptor);
}

coroutine<> reads_the_wall_clock() {
    co_await sleep(1s);
    (void)std::chrono::steady_clock::now();
    co_await sleep(1s);
}

TEST(simulate, refuses_the_wall_clock) {
#ifdef ASYNCIO_TESTING_TSAN
    GTEST_SKIP() << "the sanitizer has a clock of its own";
#endif
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the sanitizer has a clock of its own";
    const auto text = error_of<asyncio::testing::simulation_error>(
        [] { simulate(reads_the_wall_clock, {.quiet = true}); });
    EXPECT_NE(text.find("get_running_loop().time()"), std::string::npos) << text;
    EXPECT_NE(text.find("in task 'main'"), std::string::npos) << text;
    EXPECT_NE(text.find("reads_the_wall_clock"), std::string::npos) << text;
    simulate(reads_the_wall_clock, {.wall_clock = asyncio::testing::wall_clock_use::allowed});
}

coroutine<> opens_a_socket() {
    co_await sleep(1s);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0) ::close(fd);
    co_await sleep(1s);
}

TEST(simulate, refuses_sockets_of_the_system) {
#ifdef ASYNCIO_TESTING_TSAN
    GTEST_SKIP() << "the sanitizer has a socket() of its own";
#endif
    const auto text = error_of<asyncio::testing::simulation_error>(
        [] { simulate(opens_a_socket, {.quiet = true}); });
    EXPECT_NE(text.find("use open_connection, start_server, or asyncio::socket"), std::string::npos)
        << text;
    EXPECT_NE(text.find("in task 'main'"), std::string::npos) << text;
    EXPECT_NE(text.find("opens_a_socket"), std::string::npos) << text;
    // Outside, it is the system's.
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_GE(fd, 0);
    ::close(fd);
}

TEST(expect, throws_with_the_place) {
    asyncio::testing::expect(true);
    const auto text = error_of<asyncio::testing::expectation_error>(
        [] { asyncio::testing::expect(1 > 2, "one is more than two"); });
    EXPECT_NE(text.find("simulate_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("failed: one is more than two"), std::string::npos) << text;
}

}  // namespace simulate_test
