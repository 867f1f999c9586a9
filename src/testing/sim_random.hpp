// Randomness from a seed: the same numbers with every compiler and library.
#pragma once

#include <cstdint>

namespace asyncio::detail {

/// One stream of random numbers (splitmix64).
class sim_random {
   public:
    sim_random() noexcept = default;
    /// Streams of one seed that differ in `purpose` are independent.
    sim_random(std::uint64_t seed, std::uint64_t purpose) noexcept
        : state_(mix(seed + 0x9e3779b97f4a7c15u) ^ mix(purpose * 0xd1342543de82ef95u + 1)) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15u;
        return mix(state_);
    }
    /// In [0, n); 0 if n is 0.
    std::uint64_t below(std::uint64_t n) noexcept {
        __extension__ using wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<wide>(next()) * n) >> 64);
    }
    /// True with this probability.
    bool chance(double probability) noexcept {
        return probability > 0 && static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
    }
    static std::uint64_t mix(std::uint64_t z) noexcept {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

   private:
    std::uint64_t state_ = 0;
};

}  // namespace asyncio::detail
