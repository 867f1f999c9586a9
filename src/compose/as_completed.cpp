#include "asyncio/compose/as_completed.hpp"

#include <utility>

namespace asyncio::detail {

completion_source::completion_source(std::vector<ref<future_state_base>> states, delay timeout)
    : loop_(common_loop(states.data(), states.size())),
      states_(std::move(states)),
      listeners_(std::make_unique<listener[]>(states_.size())),
      left_(states_.size()) {
    done_.reserve(states_.size());
    for (std::size_t i = 0; i < states_.size(); ++i) {
        listeners_[i].owner = this;
        if (states_[i]->done())
            done_.push_back(states_[i]);
        else
            states_[i]->add_waiter(listeners_[i]);
    }
    if (!timeout.is_forever() && done_.size() < states_.size()) {
        limit_.owner = this;
        limit_.arm(loop_, timeout.after(loop_.now()));
    }
}

completion_source::~completion_source() { limit_.disarm(loop_); }

void completion_source::completed(future_state_base& f) noexcept {
    if (waiting_.empty()) {
        done_.emplace_back(&f);
        return;
    }
    completed_wait& w = waiting_.pop_front();
    w.given_ = ref<future_state_base>(&f);
    w.wake();
}

void completion_source::time_is_up() noexcept {
    expired_ = true;
    while (!waiting_.empty()) waiting_.pop_front().wake();
}

bool completed_wait::await_ready() const noexcept {
    return source_->taken_ < source_->done_.size() || source_->expired_ || source_->left_ == 0;
}

void completed_wait::wake() noexcept { task_->wake(); }

bool completed_wait::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    list_hook::unlink();
    cancelled_ = true;
    t.wake();
    return true;
}

ref<future_state_base> completed_wait::take() {
    if (cancelled_) task_->throw_cancel();
    if (!given_ && source_->taken_ < source_->done_.size())
        given_ = std::move(source_->done_[source_->taken_++]);
    if (!given_) {
        if (source_->expired_) throw timeout_error();
        throw invalid_state_error(
            "asyncio: as_completed: everything was given out already (ask left() first)");
    }
    --source_->left_;
    return std::move(given_);
}

}  // namespace asyncio::detail
