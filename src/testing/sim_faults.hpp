// Which faults were asked for, and which have happened.
#pragma once

#include <cstdint>
#include <string>

#include "asyncio/testing/network.hpp"

namespace asyncio::detail {

class sim_faults {
   public:
    void want(testing::fault f) noexcept { wanted_[index(f)] = true; }
    void happened(testing::fault f) noexcept { ++count_[index(f)]; }
    [[nodiscard]] std::uint64_t count(testing::fault f) const noexcept { return count_[index(f)]; }
    void add(const sim_faults& o) noexcept {
        for (std::size_t i = 0; i < testing::fault_kinds; ++i) {
            count_[i] += o.count_[i];
            wanted_[i] = wanted_[i] || o.wanted_[i];
        }
    }
    /// Those that were asked for and have never happened; empty if there are none.
    [[nodiscard]] std::string missing() const {
        std::string text;
        for (std::size_t i = 0; i < testing::fault_kinds; ++i) {
            if (!wanted_[i] || count_[i] > 0) continue;
            if (!text.empty()) text += ", ";
            text += to_string(static_cast<testing::fault>(i));
        }
        return text;
    }

   private:
    static std::size_t index(testing::fault f) noexcept { return static_cast<std::size_t>(f); }
    std::uint64_t count_[testing::fault_kinds] = {};
    bool wanted_[testing::fault_kinds] = {};
};

/// Throws fault_never_fired if something is missing.
void check_faults(const sim_faults& faults, const std::string& scope);

}  // namespace asyncio::detail
