#include "asyncio/sync/barrier.hpp"

#include <stdexcept>

namespace asyncio {

namespace detail {

bool barrier_wait::await_ready() {
    check_unused();
    for (const wait_list* line : {&barrier_.inside_line_, &barrier_.outside_line_})
        line->check_loop(*loop_of_turn, "barrier");
    line_ = barrier_.leaving() ? &barrier_.outside_line_ : &barrier_.inside_line_;
    if (barrier_.leaving()) return false;  // until the last round has left
    if (barrier_.broken()) return true;
    index_ = barrier_.inside_;
    const bool last = barrier_.arrive();
    inside_ = true;
    return last;
}

/// It waited outside, and the barrier may take new tasks again.
bool barrier_wait::look() {
    leave();
    if (task_->take_pending_cancel()) {
        status_ = status::cancelled;
        return true;
    }
    const bool ready = await_ready();
    if (!ready) line_->push_back(*this);
    return ready;
}

std::size_t barrier_wait::await_resume() {
    if (granted())
        leave();
    else if (!over())
        fail("barrier");
    if (!inside_) barrier_.refuse("is broken: it was aborted; reset() makes it usable again");
    inside_ = false;
    const auto state = barrier_.state_;
    barrier_.depart();
    if (state == barrier::state::broken) barrier_.refuse("was aborted while this task waited");
    if (state == barrier::state::resetting) barrier_.refuse("was reset while this task waited");
    return index_;
}

bool barrier_wait::cancel_wait(task_state_base& t, const cancel_ref& why) noexcept {
    if (!waiter::cancel_wait(t, why)) return false;
    if (std::exchange(inside_, false)) barrier_.depart();
    return true;
}

void barrier_wait::give_up() noexcept {
    leave();
    if (inside_) barrier_.depart();
}

std::string barrier_wait::describe() const { return barrier_.describe(); }

}  // namespace detail

barrier::barrier(std::size_t parties, std::string_view name) : parties_(parties), name_(name) {
    if (parties == 0)
        throw std::invalid_argument("asyncio: " + name_.with("barrier") +
                                    " for 0 tasks: parties must be 1 or more");
}

/// One more is there. True if it was the last: the others are on their way.
bool barrier::arrive() {
    if (inside_ + 1 < parties_) {
        ++inside_;
        return false;
    }
    inside_line_.check_thread("barrier.wait");
    ++inside_;
    state_ = state::draining;
    wake_inside();
    return true;
}

void barrier::depart() noexcept {
    if (--inside_ > 0) return;
    if (leaving()) state_ = state::filling;
    wake_outside();
}

void barrier::wake_inside() noexcept {
    for (std::size_t index = 0; inside_line_.has_waiting(); ++index)
        static_cast<detail::barrier_wait&>(inside_line_.wake_next()).index_ = index;
}

void barrier::wake_outside() noexcept {
    while (outside_line_.has_waiting()) outside_line_.wake_next_to_look();
}

void barrier::change_to(state s, const char* operation) {
    inside_line_.check_thread(operation);
    outside_line_.check_thread(operation);
    state_ = s;
    wake_inside();
    wake_outside();
}

void barrier::refuse(const char* why) const {
    throw broken_barrier_error("asyncio: " + name_.with("barrier") + " " + why);
}

std::string barrier::describe() const {
    return name_.with("barrier") + " (" + std::to_string(inside_) + " of " +
           std::to_string(parties_) + " are there)";
}

}  // namespace asyncio
