#include "testing/scenarios.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "asyncio/testing.hpp"

namespace {

using asyncio::testing::cancel_target;
using asyncio::testing::everywhere_report;
using asyncio::testing::scheduling;
using scenarios::scenario;

std::vector<scenario> all_scenarios() {
    std::vector<scenario> all;
    for (const auto part : {scenarios::of_compose(), scenarios::of_sync(), scenarios::of_streams()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

/// ASYNCIO_TEST_SEEDS=10000 is the longer command.
std::uint64_t seeds() {
    const char* wanted = std::getenv("ASYNCIO_TEST_SEEDS");
    return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1000;
}

/// ASYNCIO_TEST_ONLY="a name" runs one of them.
bool is_wanted(const scenario& s) {
    const char* only = std::getenv("ASYNCIO_TEST_ONLY");
    return only == nullptr || s.name == only;
}

void check_nothing() {}

template <class Drive>
everywhere_report drive_all(Drive drive) {
    everywhere_report sum;
    for (const scenario& s : all_scenarios()) {
        if (!is_wanted(s)) continue;
        try {
            const everywhere_report r =
                drive(s.main, s.check != nullptr ? s.check : &check_nothing);
            sum.runs += r.runs;
            sum.points += r.points;
        } catch (const std::exception& e) {
            ADD_FAILURE() << s.name << ":\n" << e.what();
        }
    }
    std::printf("%llu runs over %llu points\n", static_cast<unsigned long long>(sum.runs),
                static_cast<unsigned long long>(sum.points));
    return sum;
}

/// Seed 0 is the usual order.
asyncio::testing::simulate_options schedule(std::uint64_t seed) {
    return {.seed = seed, .strategy = seed == 0 ? scheduling::fifo : scheduling::random};
}

void expect_runs(const everywhere_report& sum, std::uint64_t least) {
    if (std::getenv("ASYNCIO_TEST_ONLY") == nullptr) {
        EXPECT_GE(sum.runs, least);
    }
}

TEST(scenarios, are_enough) { EXPECT_GE(all_scenarios().size(), 60u); }

TEST(scenarios, survive_every_schedule) {
    for (const scenario& s : all_scenarios()) {
        if (!is_wanted(s)) continue;
        try {
            (void)asyncio::testing::explore(s.main, {.seeds = seeds()});
            if (s.check != nullptr) s.check();
        } catch (const std::exception& e) {
            ADD_FAILURE() << s.name << ":\n" << e.what();
        }
    }
}

TEST(scenarios, survive_every_cancel) {
    everywhere_report sum = drive_all(
        [](auto main, auto check) { return asyncio::testing::cancel_everywhere(main, check); });
    scenarios::patience = std::chrono::seconds(1);
    for (std::uint64_t seed = 0; seed <= 3; ++seed) {
        const everywhere_report r = drive_all([seed](auto main, auto check) {
            return asyncio::testing::cancel_everywhere(
                main, check,
                {.target = cancel_target::every_task, .any_error = true, .each = schedule(seed)});
        });
        sum.runs += r.runs;
    }
    scenarios::patience = asyncio::delay::forever();
    expect_runs(sum, 5'000);
}

TEST(scenarios, survive_every_failed_allocation) {
    everywhere_report sum;
    for (std::uint64_t seed = 0; seed <= 8; ++seed) {
        const everywhere_report r = drive_all([&](auto main, auto check) {
            return asyncio::testing::fail_every_allocation(
                main, check, {.any_error = true, .each = schedule(seed)});
        });
        sum.runs += r.runs;
    }
    if (!ASYNCIO_ASAN) expect_runs(sum, 20'000);
}

TEST(scenarios, survive_every_failed_call) {
    everywhere_report sum;
    for (std::uint64_t seed = 0; seed <= 5; ++seed) {
        const everywhere_report r = drive_all([&](auto main, auto check) {
            return asyncio::testing::fail_every_call(
                main, check, {.any_error = true, .max_runs = 1000, .each = schedule(seed)});
        });
        sum.runs += r.runs;
    }
    expect_runs(sum, 10'000);
}

}  // namespace
