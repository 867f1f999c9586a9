#include "asyncio/sync/queue_core.hpp"

#include <stdexcept>

namespace asyncio::detail {

// ---- those who wait ----

void queue_wait::hand_on() noexcept {
    if (wants_item())
        queue_.wake_getters();
    else
        queue_.wake_putters();
}

/// With an error, or with a cancel that came after the grant.
void queue_wait::end_otherwise() {
    if (!granted()) fail("queue");
    leave();
    hand_on();
    task_->throw_cancel();
}

bool queue_wait::look() {
    if (!task_->take_pending_cancel()) return false;
    leave();
    status_ = status::cancelled;
    return true;
}

void queue_wait::give_up() noexcept {
    leave();
    hand_on();
}

std::string queue_wait::describe() const {
    return (wants_item() ? "an item of " : "room in ") + queue_.describe();
}

std::string join_wait::describe() const { return "the last task_done() of " + queue_.describe(); }

// ---- the queue ----

void queue_core::wake_getters() noexcept {
    while (getters_.has_waiting() && can_get()) getters_.wake_next();
}

void queue_core::wake_putters() noexcept {
    while (putters_.has_waiting() && can_put()) putters_.wake_next();
}

void queue_core::take_back(wait_list& line) noexcept {
    if (!shut_down_) line.revoke_last();
}

void queue_core::task_done() {
    if (unfinished_ == 0)
        throw std::invalid_argument("asyncio: task_done() of " + name_.with("queue") +
                                    " was called more often than items were put: call it once "
                                    "for each item that you got");
    joiners_.check_thread("queue.task_done");
    if (--unfinished_ == 0) joiners_.release_all();
}

void queue_core::shutdown() {
    getters_.check_thread("queue.shutdown");
    putters_.check_thread("queue.shutdown");
    shut_down_ = true;
    while (getters_.has_waiting()) getters_.wake_next();
    while (putters_.has_waiting()) putters_.wake_next();
}

void queue_core::forget_items() noexcept {
    const std::size_t dropped = size_ < unfinished_ ? size_ : unfinished_;
    size_ = 0;
    unfinished_ -= dropped;
    if (unfinished_ == 0) joiners_.release_all();
}

void queue_core::refuse_put() const {
    if (shut_down_) throw queue_shut_down();
    throw queue_full();
}

void queue_core::refuse_get() const {
    if (shut_down_) throw queue_shut_down();
    throw queue_empty();
}

std::string queue_core::describe() const {
    std::string text = name_.with("queue") + " (" + std::to_string(size_);
    if (limit_ != no_limit) text += " of " + std::to_string(limit_);
    return text + (size_ == 1 && limit_ == no_limit ? " item)" : " items)");
}

}  // namespace asyncio::detail
