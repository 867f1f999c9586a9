// Randomness that belongs to the loop: real in a real program, drawn from the seed in a simulation.
#pragma once

#include <cstdint>
#include <limits>

namespace asyncio {

/// A random generator for the standard library's distributions and algorithms, which asks the
/// running loop. Use it for jitter, shuffles and ids, and a simulation replays them. The loop's
/// thread; throws std::runtime_error outside a loop.
class random_source {
   public:
    using result_type = std::uint64_t;
    /// The range: all of 64 bits.
    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }
    result_type operator()() const;
};

}  // namespace asyncio
