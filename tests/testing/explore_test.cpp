#include "asyncio/testing/explore.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"

namespace explore_test {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::sleep;
using asyncio::testing::exploration;
using asyncio::testing::exploration_failed;
using asyncio::testing::explore;
using asyncio::testing::explore_options;
using asyncio::testing::scheduling;

coroutine<> withdraw(int& balance, int amount) {
    const int before = balance;
    if (before < amount) co_return;
    co_await sleep(0s);  // the check is out of date now
    balance = before - amount;
}

coroutine<> audit(int& balance) {
    const int before = balance;
    co_await sleep(0s);
    co_await sleep(0s);
    asyncio::testing::expect(balance <= before, "money appeared");
}

/// In the usual order both withdrawals see 100, and one gets lost: here that is what is expected.
coroutine<> bank() {
    int balance = 100;
    co_await asyncio::gather(create_task(withdraw, std::ref(balance), 30),
                             create_task(withdraw, std::ref(balance), 30),
                             create_task(audit, std::ref(balance)));
    asyncio::testing::expect(balance == 70, "two withdrawals in turn");
}

template <class F>
exploration failure_of(F f, std::string* text = nullptr) {
    try {
        (void)f();
    } catch (const exploration_failed& e) {
        if (text != nullptr) *text = e.what();
        return e.found();
    }
    ADD_FAILURE() << "nothing has failed";
    return {};
}

TEST(explore, finds_and_explains_the_smallest_interleaving) {
    std::string text;
    const exploration found = failure_of([] { return explore(bank); }, &text);
    EXPECT_EQ(found.failures, 1u);
    ASSERT_TRUE(found.failing_seed.has_value());
    EXPECT_EQ(found.runs, *found.failing_seed);
    EXPECT_NE(found.error.find("two withdrawals in turn"), std::string::npos) << found.error;
    EXPECT_LE(found.smallest.decisions().size(), 3u) << text;
    EXPECT_NE(found.schedule.find("overtakes"), std::string::npos) << text;
    EXPECT_NE(found.schedule.find("explore_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("ASYNCIO_SIM_SEED=" + std::to_string(*found.failing_seed)),
              std::string::npos)
        << text;
    // It replays.
    EXPECT_THROW(asyncio::testing::simulate(bank, {.quiet = true, .replay = &found.smallest}),
                 asyncio::testing::expectation_error);
}

TEST(explore, counts_failures) {
    const exploration found =
        failure_of([] { return explore(bank, {.seeds = 200, .max_failures = 1000}); });
    EXPECT_EQ(found.runs, 200u);
    EXPECT_GT(found.failures, 5u);
    EXPECT_LT(found.failures, 200u);
}

coroutine<> harmless() {
    int balance = 100;
    co_await withdraw(balance, 30);
    co_await withdraw(balance, 30);
}

TEST(explore, is_content_with_a_good_program) {
    const exploration found = explore(harmless, {.seeds = 50});
    EXPECT_EQ(found.runs, 50u);
    EXPECT_EQ(found.failures, 0u);
    EXPECT_FALSE(found.failing_seed.has_value());
    EXPECT_GT(found.steps, 100u);
    EXPECT_THROW((void)explore(harmless, {.seeds = 0}), std::invalid_argument);
}

TEST(explore, runs_one_seed_from_the_environment) {
    setenv("ASYNCIO_SIM_SEED", "77", 1);
    EXPECT_EQ(explore(harmless, {.seeds = 50}).runs, 1u);
    unsetenv("ASYNCIO_SIM_SEED");
}

bool framework_failed = false;

TEST(explore, asks_the_test_framework) {
    framework_failed = false;
    const auto main = []() -> coroutine<> {
        framework_failed = true;
        co_return;
    };
    const exploration found = failure_of(
        [&] { return explore(main, {.seeds = 5, .has_failed = [] { return framework_failed; }}); });
    EXPECT_EQ(found.failing_seed, 1u);
    EXPECT_NE(found.error.find("test framework"), std::string::npos);
    EXPECT_FALSE(found.schedule.empty());
}

coroutine<> fails_a_check() {
    co_await sleep(1s);
    framework_failed = true;
}

TEST(explore, blames_only_runs_for_what_the_framework_says) {
    const explore_options options{
        .seeds = 5, .first_seed = 7, .has_failed = [] { return framework_failed; }};
    framework_failed = false;
    const exploration found = failure_of([&] { return explore(fails_a_check, options); });
    EXPECT_EQ(found.failing_seed, 7u);
    // It has failed before the first run.
    EXPECT_EQ(explore(harmless, options).failures, 0u);
    framework_failed = false;
}

TEST(explore, leaves_the_interleaving_as_it_is_if_told_so) {
    const exploration found = failure_of([] { return explore(bank, {.minimise = false}); });
    EXPECT_TRUE(found.schedule.empty());
    EXPECT_FALSE(found.smallest.decisions().empty());
}

int runs_so_far = 0;
coroutine<> remembers() {
    if (++runs_so_far % 2 == 0) co_await sleep(1s);
}

TEST(explore, notices_a_run_that_does_not_repeat) {
    EXPECT_THROW((void)explore(remembers), asyncio::testing::nondeterminism_error);
    EXPECT_NO_THROW((void)explore(remembers, {.seeds = 3, .check_determinism = false}));
}

}  // namespace explore_test
