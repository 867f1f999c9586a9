// explore: the same program under many seeds, and the smallest interleaving that breaks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "asyncio/testing/simulate.hpp"

namespace asyncio::testing {

/// How a program is explored.
struct explore_options {
    std::uint64_t seeds = 1000;    ///< how many; the environment's ASYNCIO_SIM_SEED: that one only
    std::uint64_t first_seed = 1;  ///< they follow one another from here
    std::uint64_t max_failures = 1;  ///< stop after so many seeds have failed
    bool minimise = true;            ///< look for the smallest interleaving of the first failure
    bool check_determinism = true;   ///< run the first seed twice, and compare
    /// Asked after each run: true if it has failed, for frameworks whose checks do not throw. For
    /// GoogleTest: `[] { return testing::Test::HasFailure(); }`. Such a failure is not minimised,
    /// because the framework remembers it.
    bool (*has_failed)() = nullptr;
    /// How each run is simulated. Its seed and its report are ignored.
    simulate_options each{.strategy = scheduling::any};
};

/// What was found.
struct exploration {
    std::uint64_t runs = 0;                       ///< how many seeds were run
    std::uint64_t failures = 0;                   ///< how many of them failed
    std::uint64_t steps = 0;                      ///< of all runs
    std::optional<std::uint64_t> failing_seed{};  ///< the first one
    std::string error{};                          ///< what it failed with
    trace smallest{};                             ///< the smallest interleaving that fails so
    std::string schedule{};                       ///< the same, to be read
};

/// Some seeds have failed. The text has all of it.
class exploration_failed : public std::runtime_error {
   public:
    exploration_failed(const std::string& what, exploration found)
        : std::runtime_error(what), found_(std::move(found)) {}
    /// What was found.
    [[nodiscard]] const exploration& found() const noexcept { return found_; }

   private:
    exploration found_;
};

}  // namespace asyncio::testing

namespace asyncio::detail {

testing::exploration run_exploration(sim_program& program, const testing::explore_options& options);

}  // namespace asyncio::detail

namespace asyncio::testing {

/// Simulates the coroutine that `make_main` gives under seed after seed. Throws exploration_failed
/// with the first failing seed, its error, the command that runs it again, and the smallest
/// interleaving that fails in the same way, told step by step; else says what it has done. Draws a
/// progress bar on a terminal.
template <class F>
exploration explore(F&& make_main, explore_options options = {}) {
    detail::check_sim_main<F>();
    detail::callable_sim_program<std::remove_reference_t<F>> program(make_main);
    return detail::run_exploration(program, options);
}

}  // namespace asyncio::testing
