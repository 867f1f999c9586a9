#include "asyncio/compose/as_completed.hpp"

#include <utility>

namespace asyncio::detail {

completion_source::completion_source(std::vector<ref<future_state_base>> states, delay timeout)
    : loop_(common_loop("as_completed", states.data(), states.size())) {
    collapse_duplicates(states);
    left_ = states.size();
    listeners_ = std::make_unique<listener[]>(left_);
    done_.reserve(left_);
    for (std::size_t i = 0; i < left_; ++i) {
        if (states[i]->done()) {
            done_.push_back(std::move(states[i]));
            continue;
        }
        listeners_[i].owner = this;
        listeners_[i].state = std::move(states[i]);
        listeners_[i].state->add_waiter(listeners_[i]);
        ++pending_;
    }
    if (timeout.is_forever() || pending_ == 0) return;
    limit_.owner = this;
    limit_.arm(loop_, timeout.after(loop_.now()));
}

completion_source::~completion_source() { limit_.disarm(loop_); }

void completion_source::completed(listener& l) noexcept {
    if (--pending_ == 0) limit_.disarm(loop_);
    if (waiting_.empty()) {
        done_.push_back(std::move(l.state));
        return;
    }
    completed_wait& w = waiting_.pop_front();
    w.given_ = std::move(l.state);
    w.task_->wake();
}

void completion_source::time_is_up() noexcept {
    expired_ = true;
    wake_all();
}

void completion_source::wake_all() noexcept {
    while (!waiting_.empty()) waiting_.pop_front().task_->wake();
}

bool completed_wait::await_ready() const noexcept {
    return source_->taken_ < source_->done_.size() || source_->expired_ || source_->left_ == 0;
}

void completed_wait::suspend(promise_base& p) {
    if (p.task->loop != &source_->loop_)
        throw_runtime_error(
            "asyncio: as_completed: these tasks belong to another event loop; await them there");
    if (list_hook::linked()) throw_awaited_by_two();
    task_ = p.task;
    cancelled_ = false;
    source_->waiting_.push_back(*this);
    task_->wait_on(p, *this);
}

bool completed_wait::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    list_hook::unlink();
    cancelled_ = true;
    t.wake();
    return true;
}

ref<future_state_base> completed_wait::take() {
    if (std::exchange(cancelled_, false)) task_->throw_cancel();
    completion_source& s = *source_;
    if (!given_ && s.taken_ < s.done_.size()) given_ = std::move(s.done_[s.taken_++]);
    if (s.left_ == 0)
        throw invalid_state_error(
            "asyncio: as_completed: everything was given out already (ask left() first)");
    // Whoever still waits when the last one is given out would wait for ever.
    if (--s.left_ == 0) s.wake_all();
    if (!given_) throw timeout_error("asyncio: as_completed: timed out");
    return std::move(given_);
}

}  // namespace asyncio::detail
