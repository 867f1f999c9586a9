// Where a program can be disturbed, and the one disturbance of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "asyncio/testing/everywhere.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

class everywhere_points : public sim_observer {
   public:
    /// The next run is disturbed in the `n`th way, from 1; 0: not at all, but the ways are counted.
    virtual void choose(std::uint64_t n) = 0;
    /// How many places there were in the last undisturbed run.
    [[nodiscard]] virtual std::uint64_t points() const { return 0; }
    /// And how many ways to disturb it.
    [[nodiscard]] virtual std::uint64_t tries() const { return 0; }
    /// It was disturbed.
    [[nodiscard]] virtual bool disturbed() const { return false; }
    /// The `n`th way, in words.
    [[nodiscard]] virtual std::string describe_try(std::uint64_t n) const = 0;
    /// Where the last run was disturbed, as lines.
    [[nodiscard]] virtual std::string told() const { return {}; }

    /// Sockets that were open when everything was closed.
    [[nodiscard]] std::size_t descriptors_left() const noexcept { return descriptors_left_; }
    [[nodiscard]] const std::string& descriptors_text() const noexcept { return descriptors_text_; }
    void run_ended(const sim_world& world) override;

   private:
    std::size_t descriptors_left_ = 0;
    std::string descriptors_text_;
};

[[nodiscard]] std::unique_ptr<everywhere_points> make_points(everywhere what,
                                                             testing::cancel_target target);
/// For fail_every_call.
[[nodiscard]] std::unique_ptr<everywhere_points> make_call_points();

}  // namespace asyncio::detail
