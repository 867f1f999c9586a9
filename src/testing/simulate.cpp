#include "asyncio/testing/simulate.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/place.hpp"
#include "sys/command_line.hpp"
#include "testing/replay.hpp"
#include "testing/sim_world.hpp"

namespace asyncio {

namespace detail {

using testing::simulate_options;
using testing::simulation_report;

std::optional<std::uint64_t> seed_from_environment() {
    const char* text = std::getenv("ASYNCIO_SIM_SEED");
    if (text == nullptr || *text == '\0') return std::nullopt;
    std::uint64_t seed = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, seed);
    if (error != std::errc() || stop != end)
        throw std::invalid_argument(std::string("asyncio: ASYNCIO_SIM_SEED='") + text +
                                    "' is not a seed: it must be a number");
    return seed;
}

std::string replay_command(std::uint64_t seed) {
    return "ASYNCIO_SIM_SEED=" + std::to_string(seed) + " " + command_line();
}

std::string failure_text(const sim_outcome& o) {
    return "asyncio: simulation failed: seed " + std::to_string(o.report.seed) + " (" +
           std::string(to_string(o.report.strategy)) + "), after " +
           std::to_string(o.report.steps) + " steps and " + seconds_text(o.report.elapsed) +
           " of virtual time\n  " + describe(o.error) +
           "\n  run it again: " + replay_command(o.report.seed) + "\n";
}

sim_outcome run_once(sim_program& program, const simulate_options& options,
                     const sim_settings& settings) {
    sim_outcome o;
    sim_world world(options, settings);
    try {
        world.run(program);
    } catch (...) {
        o.error = std::current_exception();
    }
    world.fill(o.report);
    return o;
}

namespace {

std::string step_text(const std::vector<sim_step>& steps, std::size_t i) {
    if (i >= steps.size()) return "had ended";
    const sim_step& s = steps[i];
    return (s.task == 0 ? std::string("ran a callback") : "ran Task-" + std::to_string(s.task)) +
           " of host " + std::to_string(s.host) + " at " + seconds_text(s.at - steps.front().at);
}

}  // namespace

void check_same(const std::vector<sim_step>& first, const std::vector<sim_step>& second,
                std::uint64_t seed) {
    std::size_t i = 0;
    while (i < first.size() && i < second.size() && first[i].hash == second[i].hash) ++i;
    if (i == first.size() && i == second.size()) return;
    throw testing::nondeterminism_error(
        "asyncio: two runs with seed " + std::to_string(seed) + " differ at step " +
        std::to_string(i + 1) + ": the first " + step_text(first, i) + ", the second " +
        step_text(second, i) +
        ". The program depends on something that is not simulated: the wall clock, a thread, an "
        "address, the order of an unordered container, what an earlier run left behind, or "
        "randomness other than asyncio::random_source");
}

void run_simulation(sim_program& program, const simulate_options& wanted, bool repeatable) {
    simulate_options options = wanted;
    if (options.replay != nullptr) {
        options.seed = options.replay->seed();
        options.strategy = options.replay->strategy();
    } else if (const auto seed = seed_from_environment()) {
        options.seed = *seed;
    }
    if (options.run_twice && !repeatable)
        throw std::invalid_argument(
            "asyncio: simulate(): run_twice needs a callable that makes the main coroutine; a "
            "coroutine runs once");
    std::vector<sim_step> steps;
    sim_settings settings;
    if (options.run_twice) settings.steps = &steps;
    sim_outcome o = run_once(program, options, settings);
    if (options.run_twice) {
        std::vector<sim_step> again;
        settings.steps = &again;
        program.forget();
        o = run_once(program, options, settings);
        try {
            check_same(steps, again, options.seed);
        } catch (...) {
            o.error = std::current_exception();
        }
    }
    if (options.report != nullptr) *options.report = o.report;
    if (!o.error) return;
    if (!options.quiet) {
        const std::string text = failure_text(o);
        std::fwrite(text.data(), 1, text.size(), stderr);
    }
    std::rethrow_exception(o.error);
}

}  // namespace detail

namespace testing {

void expect(bool condition, std::string_view what, std::source_location where) {
    if (condition) return;
    throw expectation_error(detail::place_text(where) + ": failed: " + std::string(what));
}

}  // namespace testing
}  // namespace asyncio
