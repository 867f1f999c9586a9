#include "testing/scenarios.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "asyncio/testing.hpp"
#include "testing/seeds.hpp"

namespace scenarios_test {

// ASYNCIO_TEST_ONLY="a name" runs one scenario, and counts nothing.

using asyncio::testing::cancel_target;
using asyncio::testing::everywhere_options;
using asyncio::testing::everywhere_report;
using asyncio::testing::scheduling;
using scenarios::scenario;

std::vector<scenario> all_scenarios() {
    std::vector<scenario> all;
    for (const auto part : {scenarios::of_task(), scenarios::of_compose(), scenarios::of_sync(),
                            scenarios::of_streams()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

const char* only() { return std::getenv("ASYNCIO_TEST_ONLY"); }

template <class Run>
void for_each_scenario(Run run) {
    for (const scenario& s : all_scenarios()) {
        if (only() != nullptr && s.name != only()) continue;
        try {
            run(s);
        } catch (const std::exception& e) {
            ADD_FAILURE() << s.name << ":\n" << e.what();
        }
    }
}

/// What a test has counted must be enough, or it proves nothing.
void count(const char* what, std::uint64_t n, std::uint64_t least) {
    std::printf("[  counted ] %llu %s\n", static_cast<unsigned long long>(n), what);
    ::testing::Test::RecordProperty(what, std::to_string(n));
    if (only() != nullptr || seeds() < 1000) return;
    EXPECT_GE(n, least) << what;
}

/// Every scenario under the orders of `schedules` seeds, more in the longer command; the first is
/// the usual order.
template <class Drive>
std::uint64_t drive(Drive disturb, everywhere_options options, std::uint64_t schedules) {
    std::uint64_t runs = 0;
    options.any_error = true;
    schedules = std::max<std::uint64_t>(1, schedules * seeds() / 1000);
    for (std::uint64_t seed = 0; seed < schedules; ++seed) {
        options.each.seed = seed;
        options.each.strategy = seed == 0 ? scheduling::fifo : scheduling::any;
        for_each_scenario([&](const scenario& s) { runs += disturb(s, options).runs; });
    }
    return runs;
}

const auto nothing = [] {};

template <class Disturb>
everywhere_report with_check(const scenario& s, Disturb disturb) {
    return s.check != nullptr ? disturb(s.check) : disturb(+nothing);
}

TEST(scenarios, are_enough) { count("scenarios", all_scenarios().size(), 60); }

const scenario* explored = nullptr;

/// After each run of the scenario that is explored.
bool check_has_failed() {
    try {
        if (explored->check != nullptr) explored->check();
        return false;
    } catch (const std::exception& e) {
        ADD_FAILURE() << explored->name << ": " << e.what();
        return true;
    }
}

TEST(scenarios, survive_every_schedule) {
    std::uint64_t runs = 0;
    std::uint64_t steps = 0;
    for_each_scenario([&](const scenario& s) {
        explored = &s;
        const auto found =
            asyncio::testing::explore(s.main, {.seeds = seeds(), .has_failed = &check_has_failed});
        runs += found.runs;
        steps += found.steps;
    });
    count("steps", steps, 1);
    count("simulated runs", runs, 60 * seeds());
}

TEST(scenarios, survive_short_reads_and_writes) {
    std::uint64_t runs = 0;
    asyncio::testing::explore_options options{.seeds = std::max<std::uint64_t>(1, seeds() / 5)};
    options.each.network = {.short_reads = 0.5, .short_writes = 0.5, .window = 3000};
    for (const scenario& s : scenarios::of_streams()) {
        try {
            runs += asyncio::testing::explore(s.main, options).runs;
        } catch (const asyncio::testing::fault_never_fired&) {
            // It sends nothing, or a byte at a time.
        } catch (const std::exception& e) {
            ADD_FAILURE() << s.name << ":\n" << e.what();
        }
    }
    count("runs with short reads and writes", runs, 10 * seeds() / 5);
}

TEST(scenarios, survive_every_cancel_of_the_main_task) {
    std::uint64_t runs = 0;
    for_each_scenario([&](const scenario& s) {
        runs += with_check(s, [&](auto check) {
                    return asyncio::testing::cancel_everywhere(s.main, check);
                }).runs;
    });
    count("cancellations of the main task", runs, 500);
}

TEST(scenarios, survive_every_cancel_of_every_task) {
    scenarios::patience = std::chrono::seconds(1);
    const std::uint64_t runs = drive(
        [](const scenario& s, const everywhere_options& options) {
            return with_check(s, [&](auto check) {
                return asyncio::testing::cancel_everywhere(s.main, check, options);
            });
        },
        {.target = cancel_target::every_task}, 4);
    scenarios::patience = asyncio::delay::forever();
    count("cancellations", runs, 5'000);
}

/// How many things go wrong per program. The address sanitizer takes ten times as long: there, they
/// are a sample.
constexpr std::uint64_t most_runs(std::uint64_t otherwise) {
    return ASYNCIO_ASAN ? 400 : otherwise;
}

TEST(scenarios, survive_every_failed_allocation) {
    const std::uint64_t runs = drive(
        [](const scenario& s, const everywhere_options& options) {
            return with_check(s, [&](auto check) {
                return asyncio::testing::fail_every_allocation(s.main, check, options);
            });
        },
        {.max_runs = most_runs(0)}, 8);
    // The sanitizer has an operator new of its own, so that only the library's own are seen.
    count("failed allocations", runs, ASYNCIO_ASAN ? 5'000 : 20'000);
}

TEST(scenarios, survive_every_failed_call) {
    const std::uint64_t runs = drive(
        [](const scenario& s, const everywhere_options& options) {
            return with_check(s, [&](auto check) {
                return asyncio::testing::fail_every_call(s.main, check, options);
            });
        },
        {.max_runs = most_runs(1000)}, 6);
    count("failed calls", runs, 10'000);
}

}  // namespace scenarios_test
