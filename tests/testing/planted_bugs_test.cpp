#include "testing/planted_bugs.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "asyncio/app/run.hpp"
#include "asyncio/testing/explore.hpp"
#include "testing/seeds.hpp"

namespace planted_bugs_test {

using asyncio::testing::exploration;
using asyncio::testing::explore;
using asyncio::testing::scheduling;
using asyncio::testing::simulate;

constexpr std::uint64_t all_seeds = 10'000;

void check(const planted::bug& b) {
    if (b.distributed) {
        planted::network_is_quiet = true;
        for (std::uint64_t seed = 1; seed <= 3; ++seed)
            EXPECT_NO_THROW(simulate(b.buggy, {.seed = seed, .strategy = scheduling::fifo}))
                << b.name;
        planted::network_is_quiet = false;
    } else {
        planted::patience = 10'000;
        for (int i = 0; i < 3; ++i) EXPECT_NO_THROW(asyncio::run(b.buggy)) << b.name;
        planted::patience = 1;
    }
    try {
        (void)explore(b.buggy, {.seeds = all_seeds,
                                .each = {.strategy = scheduling::any, .network = b.network}});
        ADD_FAILURE() << b.name << ": not found within " << all_seeds << " seeds";
    } catch (const asyncio::testing::exploration_failed& e) {
        const exploration& found = e.found();
        EXPECT_LE(*found.failing_seed, all_seeds);
        EXPECT_FALSE(found.schedule.empty()) << e.what();
        ::testing::Test::RecordProperty("seed", std::to_string(*found.failing_seed));
        std::printf("[    found ] seed %llu, %zu decisions: %s\n",
                    static_cast<unsigned long long>(*found.failing_seed),
                    found.smallest.decisions().size(), found.error.c_str());
        if (std::getenv("ASYNCIO_TEST_TELL") != nullptr) std::fputs(e.what(), stderr);
    }
    EXPECT_EQ(explore(b.fixed, {.seeds = seeds(),
                                .each = {.strategy = scheduling::any, .network = b.network}})
                  .failures,
              0u)
        << b.name;
}

TEST(planted_bugs, lost_wakeup) { check(planted::lost_wakeup); }
TEST(planted_bugs, check_then_act) { check(planted::check_then_act); }
TEST(planted_bugs, lock_order) { check(planted::lock_order); }
TEST(planted_bugs, forgotten_cleanup) { check(planted::forgotten_cleanup); }
TEST(planted_bugs, double_release) { check(planted::double_release); }
TEST(planted_bugs, retry_storm) { check(planted::retry_storm); }
TEST(planted_bugs, split_brain) { check(planted::split_brain); }
TEST(planted_bugs, message_lost_on_reconnect) { check(planted::message_lost_on_reconnect); }
TEST(planted_bugs, item_lost_on_cancel) { check(planted::item_lost_on_cancel); }
TEST(planted_bugs, leak_on_timeout) { check(planted::leak_on_timeout); }

}  // namespace planted_bugs_test
