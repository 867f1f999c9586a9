#include "testing/sim_scheduler.hpp"

#include <algorithm>

#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

using testing::scheduling;

namespace {

/// After so many turns in a row in which somebody overtook the first in line, it is its turn: a
/// task that only yields must not keep the others from running for ever.
constexpr unsigned patience = 200;

std::size_t first_callback(const ready_queue& ready) noexcept {
    std::size_t i = 0;
    for (ready_node* n = &ready.front(); task_behind(*n) != nullptr; n = n->next_ready) ++i;
    return i;
}

std::uint64_t id_of(ready_node& n, std::uint64_t host) noexcept {
    const task_state_base* t = task_behind(n);
    return (host << 48) ^ (t != nullptr ? t->number() : 0);
}

}  // namespace

task_state_base* task_behind(ready_node& n) noexcept {
    if (!task_state_base::is_step(n.run)) return nullptr;
    return static_cast<task_state_base*>(&n);
}

ready_node& node_at(const ready_queue& ready, std::size_t index) noexcept {
    ready_node* n = &ready.front();
    while (index-- > 0) n = n->next_ready;
    return *n;
}

scheduling strategy_of_seed(std::uint64_t seed) noexcept {
    switch (sim_random(seed, 0x57a7).below(5)) {
        case 0:
            return scheduling::timer_jitter;
        case 1:
        case 2:
            return scheduling::random;
        default:
            return scheduling::pct;
    }
}

sim_scheduler::sim_scheduler(std::uint64_t seed, scheduling strategy, const testing::trace* replay)
    : strategy_(strategy == scheduling::any ? strategy_of_seed(seed) : strategy),
      replay_(replay),
      random_(seed, 0x5c4ed) {
    if (strategy_ != scheduling::pct) return;
    priorities_ = random_.next();
    // Nobody knows how long the run will be, so the change points are spread over orders of
    // magnitude.
    for (int i = 0; i < 3; ++i)
        change_points_.push_back(random_.below(std::uint64_t(1) << (3 + random_.below(9))));
}

std::uint64_t sim_scheduler::replayed(std::uint64_t n) {
    const auto& all = replay_->decisions();
    while (replay_next_ < all.size() && all[replay_next_].at < made_) ++replay_next_;
    if (replay_next_ == all.size() || all[replay_next_].at != made_) return 0;
    return n == 0 ? 0 : all[replay_next_].value % n;
}

std::uint64_t sim_scheduler::record(std::uint64_t value) {
    if (value != 0) taken_.push_back({made_, value});
    ++made_;
    return value;
}

std::size_t sim_scheduler::pick(const ready_queue& ready, std::uint64_t host) {
    ++picks_;
    if (ready.size() == 1) return 0;
    std::size_t i = replay_ != nullptr ? replayed(ready.size()) : choose(ready, host);
    if (i != 0 && task_behind(node_at(ready, i)) == nullptr) i = first_callback(ready);
    passed_over_ = i == 0 ? 0 : passed_over_ + 1;
    return record(i);
}

std::size_t sim_scheduler::choose(const ready_queue& ready, std::uint64_t host) {
    if (passed_over_ >= patience) return 0;
    switch (strategy_) {
        case scheduling::random:
            return random_.below(ready.size());
        case scheduling::pct:
            return choose_by_priority(ready, host);
        default:
            return 0;
    }
}

std::uint64_t sim_scheduler::priority(std::uint64_t id) const {
    const auto at = demoted_.find(id);
    if (at != demoted_.end()) return at->second;
    constexpr std::uint64_t never_demoted = std::uint64_t(1) << 63;
    return sim_random::mix(id ^ priorities_) | never_demoted;
}

std::size_t sim_scheduler::choose_by_priority(const ready_queue& ready, std::uint64_t host) {
    const auto highest = [&] {
        std::size_t best = 0;
        std::uint64_t best_priority = 0;
        const std::size_t count = ready.size();
        ready_node* n = &ready.front();
        for (std::size_t i = 0;; n = n->next_ready) {
            const std::uint64_t p = priority(id_of(*n, host));
            if (p > best_priority) {
                best = i;
                best_priority = p;
            }
            if (++i == count) return best;
        }
    };
    std::size_t best = highest();
    for (std::size_t k = 0; k < change_points_.size(); ++k) {
        if (change_points_[k] != picks_) continue;
        demoted_[id_of(node_at(ready, best), host)] = k;
        best = highest();
    }
    return best;
}

std::size_t sim_scheduler::pick_host(std::size_t n) {
    if (n == 1) return 0;
    if (replay_ != nullptr) return record(replayed(n));
    const bool in_order = strategy_ == scheduling::fifo || strategy_ == scheduling::timer_jitter;
    return record(in_order ? 0 : random_.below(n));
}

std::uint64_t sim_scheduler::lateness(std::uint64_t limit) {
    if (limit == 0) return 0;
    return record(replay_ != nullptr ? replayed(limit + 1) : random_.below(limit + 1));
}

}  // namespace asyncio::detail
