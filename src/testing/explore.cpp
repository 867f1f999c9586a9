#include "asyncio/testing/explore.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "testing/progress.hpp"
#include "testing/replay.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

using testing::exploration;
using testing::explore_options;
using testing::scheduling;
using testing::simulate_options;
using testing::trace;

namespace {

/// One line: runs that fail with the same one fail for the same reason.
std::string kind_of(const std::exception_ptr& error) {
    const std::string text = describe(error);
    // The wait-for graph and times differ from schedule to schedule.
    if (text.find("deadlock_error") != std::string::npos) return "deadlock";
    if (text.find("time_limit_error") != std::string::npos) return "time limit";
    return text.substr(0, text.find('\n'));
}

class explorer {
   public:
    explorer(sim_program& program, const explore_options& options)
        : program_(program), options_(options) {
        options_.each.quiet = true;
        options_.each.report = nullptr;
        // What had failed before says nothing about the runs.
        if (framework_has_failed()) options_.has_failed = nullptr;
    }

    exploration run() {
        exploration found;
        std::uint64_t first = options_.first_seed;
        std::uint64_t count = options_.seeds;
        if (const auto only = seed_from_environment()) {
            first = *only;
            count = 1;
        }
        progress_bar bar("exploring seeds", count);
        sim_outcome failure;
        for (std::uint64_t i = 0; i < count && found.failures < options_.max_failures; ++i) {
            bar.show(i);
            const std::uint64_t seed = first + i;
            sim_outcome o = run_seed(seed, i == 0 && options_.check_determinism);
            ++found.runs;
            found.steps += o.report.steps;
            if (!o.error) continue;
            if (found.failures++ == 0) {
                found.failing_seed = seed;
                failure = std::move(o);
            }
        }
        if (found.failures == 0) {
            check_faults(faults_, std::to_string(found.runs) + " runs");
            return found;
        }
        found.error = describe(failure.error);
        found.smallest = failure.report.decisions;
        if (options_.minimise) {
            // Frameworks do not forget a failure: no other run could be told from this one.
            if (!framework_has_failed()) minimise(failure, found);
            tell(found);
        }
        throw testing::exploration_failed(text_of(found, failure), found);
    }

   private:
    [[nodiscard]] bool framework_has_failed() const {
        return options_.has_failed != nullptr && options_.has_failed();
    }

    sim_outcome run_with(const simulate_options& each, const sim_settings& settings) {
        program_.forget();
        sim_settings with_faults = settings;
        with_faults.faults = &faults_;
        sim_outcome o = run_once(program_, each, with_faults);
        if (!o.error && framework_has_failed())
            o.error = std::make_exception_ptr(
                testing::expectation_error("asyncio: a check of the test framework has failed"));
        return o;
    }

    sim_outcome run_seed(std::uint64_t seed, bool twice) {
        simulate_options each = options_.each;
        each.seed = seed;
        if (!twice) return run_with(each, {});
        std::vector<sim_step> first;
        std::vector<sim_step> second;
        sim_settings settings;
        settings.steps = &first;
        (void)run_with(each, settings);
        settings.steps = &second;
        sim_outcome o = run_with(each, settings);
        check_same(first, second, seed);
        return o;
    }

    sim_outcome run_trace(const trace& t, const sim_settings& settings = {}) {
        simulate_options each = options_.each;
        each.seed = t.seed();
        each.strategy = t.strategy();
        each.replay = &t;
        ++tries_;
        return run_with(each, settings);
    }

    /// Takes away decision after decision, in pieces that get smaller, as long as it still fails in
    /// the same way.
    void minimise(const sim_outcome& failure, exploration& found) {
        constexpr unsigned most_tries = 2000;
        const std::string kind = kind_of(failure.error);
        trace best = failure.report.decisions;
        std::size_t piece = std::max<std::size_t>(1, best.decisions().size());
        while (tries_ < most_tries) {
            bool smaller = false;
            for (std::size_t at = 0; at < best.decisions().size() && tries_ < most_tries;) {
                std::vector<trace::decision> rest = best.decisions();
                const auto begin = rest.begin() + static_cast<std::ptrdiff_t>(at);
                const auto end =
                    rest.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, rest.size()));
                rest.erase(begin, end);
                const trace candidate(best.seed(), best.strategy(), std::move(rest));
                const sim_outcome o = run_trace(candidate);
                // What it really decided may be less still.
                if (o.error && kind_of(o.error) == kind &&
                    o.report.decisions.decisions().size() < best.decisions().size()) {
                    best = o.report.decisions;
                    smaller = true;
                } else {
                    at += piece;
                }
            }
            if (piece == 1 && !smaller) break;
            if (!smaller || piece > best.decisions().size())
                piece = std::max<std::size_t>(1, std::min(piece, best.decisions().size()) / 2);
        }
        found.smallest = best;
    }

    /// Runs the smallest interleaving once more, and writes down what it does.
    void tell(exploration& found) {
        std::vector<std::string> log;
        sim_settings settings;
        settings.log = &log;
        const sim_outcome last = run_trace(found.smallest, settings);
        if (last.error) found.error = describe(last.error);
        found.schedule = schedule_text(log);
    }

    static std::string schedule_text(const std::vector<std::string>& log) {
        constexpr std::size_t most_lines = 60;
        // What came long before the first unusual decision does not matter, nor does the middle.
        std::string text;
        std::size_t left_out = 0;
        for (std::size_t i = 0; i < log.size(); ++i) {
            const bool unusual = log[i].starts_with(" *");
            if (log.size() > most_lines && !unusual && i + most_lines / 2 < log.size() &&
                i >= most_lines / 2) {
                ++left_out;
                continue;
            }
            if (left_out > 0)
                text += "       (" + std::to_string(left_out) + " steps in the usual order)\n";
            left_out = 0;
            text += log[i] + "\n";
        }
        return text;
    }

    static std::string text_of(const exploration& found, const sim_outcome& failure) {
        const std::uint64_t seed = *found.failing_seed;
        std::string text = "asyncio: " + std::to_string(found.failures) + " of " +
                           std::to_string(found.runs) + " seeds failed; the first is " +
                           std::to_string(seed) + " (" +
                           std::string(to_string(failure.report.strategy)) + ")\n  " + found.error +
                           "\n  run it again: " + replay_command(seed) + "\n";
        if (found.schedule.empty()) return text;
        const std::size_t decisions = found.smallest.decisions().size();
        text += "  the smallest interleaving that fails so: " + std::to_string(decisions) +
                (decisions == 1 ? " decision" : " decisions") + " out of the usual order (*)\n" +
                found.schedule;
        text += "  as a trace, for simulate_options::replay: " + found.smallest.to_string() + "\n";
        return text;
    }

    sim_program& program_;
    explore_options options_;
    unsigned tries_ = 0;
    sim_faults faults_;
};

}  // namespace

exploration run_exploration(sim_program& program, const explore_options& options) {
    if (options.seeds == 0)
        throw std::invalid_argument("asyncio: explore(): no seeds; give at least one");
    return explorer(program, options).run();
}

}  // namespace asyncio::detail
