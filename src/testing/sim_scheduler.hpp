// Who runs next: every decision of a simulated run is made and recorded here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "asyncio/loop/ready_queue.hpp"
#include "asyncio/task/task_state.hpp"
#include "asyncio/testing/trace.hpp"
#include "testing/sim_random.hpp"

namespace asyncio::detail {

/// The task behind a node of the ready queue; null if it is a callback.
[[nodiscard]] task_state_base* task_behind(ready_node& n) noexcept;
[[nodiscard]] ready_node& node_at(const ready_queue& ready, std::size_t index) noexcept;

class sim_scheduler {
   public:
    /// `replay`: decides as it says; what it does not mention is the default.
    sim_scheduler(std::uint64_t seed, testing::scheduling strategy, const testing::trace* replay);

    /// Which of `ready` (not empty) runs next, by its place in the queue. Callbacks keep their
    /// order, which call_soon() promises.
    std::size_t pick(const ready_queue& ready, std::uint64_t host);
    /// Which of `n` hosts runs next.
    std::size_t pick_host(std::size_t n);
    /// How late the clock is, at most `limit` nanoseconds.
    std::uint64_t lateness(std::uint64_t limit);

    [[nodiscard]] testing::scheduling strategy() const noexcept { return strategy_; }
    [[nodiscard]] const std::vector<testing::trace::decision>& taken() const noexcept {
        return taken_;
    }
    /// How many decisions there were, with those that took the default.
    [[nodiscard]] std::uint64_t made() const noexcept { return made_; }

   private:
    std::size_t choose(const ready_queue& ready, std::uint64_t host);
    std::size_t choose_by_priority(const ready_queue& ready, std::uint64_t host);
    [[nodiscard]] std::uint64_t priority(std::uint64_t id) const;
    std::uint64_t replayed(std::uint64_t n);
    std::uint64_t record(std::uint64_t value);

    testing::scheduling strategy_;
    const testing::trace* replay_;
    std::size_t replay_next_ = 0;
    sim_random random_;
    std::uint64_t made_ = 0;
    std::vector<testing::trace::decision> taken_;
    // Priorities (pct).
    std::uint64_t picks_ = 0;
    std::uint64_t priorities_ = 0;
    std::vector<std::uint64_t> change_points_;
    std::map<std::uint64_t, std::uint64_t> demoted_;
    unsigned passed_over_ = 0;
};

/// The strategy that a seed stands for under scheduling::any.
[[nodiscard]] testing::scheduling strategy_of_seed(std::uint64_t seed) noexcept;

}  // namespace asyncio::detail
