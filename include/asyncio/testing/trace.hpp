// What a simulation decided: enough to run it again, step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "asyncio/base/delay.hpp"

namespace asyncio::testing {

/// Who runs next while several could.
enum class scheduling : std::uint8_t {
    fifo,          ///< the real loop's order
    random,        ///< anybody who is ready
    pct,           ///< by random priorities that change at a few random moments (finds orderings
                   ///< that need one task to be slow for long)
    timer_jitter,  ///< the real loop's order, but the clock is late by a random time
    any,           ///< the seed chooses one of the three random ones
};

/// "fifo", "random", "pct", "timer_jitter", "any".
[[nodiscard]] std::string_view to_string(scheduling s) noexcept;

/// The decisions of one simulated run that were not the default (first in, first out; on time).
/// Given back to simulate() it runs the same way, as long as the program and the library are the
/// same.
class trace {
   public:
    /// One choice that was not the obvious one.
    struct decision {
        std::uint64_t at;     ///< the how-manieth decision of the run, from 0
        std::uint64_t value;  ///< which of the ready ran, or how late the clock was (ns)
        bool operator==(const decision&) const noexcept = default;
    };

    trace() noexcept = default;
    trace(std::uint64_t seed, scheduling strategy, std::vector<decision> decisions)
        : seed_(seed), strategy_(strategy), decisions_(std::move(decisions)) {}

    /// The run's seed and strategy.
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    [[nodiscard]] scheduling strategy() const noexcept { return strategy_; }
    /// In the order in which they were made.
    [[nodiscard]] const std::vector<decision>& decisions() const noexcept { return decisions_; }

    /// One line of text, for a file or a bug report.
    [[nodiscard]] std::string to_string() const;
    /// Reads what to_string() wrote. Throws std::invalid_argument if it is not a trace, or if
    /// another version of the library wrote it: then it would not replay.
    [[nodiscard]] static trace parse(std::string_view text);

    bool operator==(const trace&) const noexcept = default;

   private:
    std::uint64_t seed_ = 0;
    scheduling strategy_ = scheduling::fifo;
    std::vector<decision> decisions_;
};

}  // namespace asyncio::testing
