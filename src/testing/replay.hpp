// How a failing seed is found again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/sim_world.hpp"

namespace asyncio::detail {

/// ASYNCIO_SIM_SEED, if it is set. Throws std::invalid_argument if it is not a number.
[[nodiscard]] std::optional<std::uint64_t> seed_from_environment();
/// The command that runs this program with that seed.
[[nodiscard]] std::string replay_command(std::uint64_t seed);
/// What is written about a run that failed.
[[nodiscard]] std::string failure_text(const sim_outcome& o);
/// Throws nondeterminism_error unless both runs are the same.
void check_same(const std::vector<sim_step>& first, const std::vector<sim_step>& second,
                std::uint64_t seed);

}  // namespace asyncio::detail
