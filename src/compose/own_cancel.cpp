#include "asyncio/compose/own_cancel.hpp"

#include <utility>

namespace asyncio::detail {

void own_cancel::request(cancel_ref why) {
    requested_ = true;
    merged_ = one_from_before();
    before_ = task_->cancel_why;
    own_ = std::move(why);
    task_->cancel(own_);
    number_ = task_->cancel_requests;
}

void own_cancel::take_back() noexcept {
    if (!requested_ || std::exchange(taken_back_, true)) return;
    const bool keeps_one = one_from_before();
    const bool only_own = task_->cancel_requests == number_ && task_->must_cancel == 1;
    task_->uncancel();
    // Not delivered, and nobody else's: it never will be. Those of blocks further in are taken back
    // already.
    if (only_own || (task_->cancelling <= baseline_ && !keeps_one)) task_->must_cancel = 0;
    if (task_->cancel_why.get() == own_.get()) task_->cancel_why = before_;
}

std::exception_ptr own_cancel::of_the_others(std::exception_ptr cancel) const {
    const cancelled_error* c = as_cancelled(cancel);
    if (requested_ && c != nullptr && c->record().get() == own_.get())
        return make_cancelled(task_->cancel_why);
    return cancel;
}

}  // namespace asyncio::detail
