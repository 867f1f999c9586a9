#include "asyncio/compose/timeout.hpp"

#include <utility>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

void timeout_core::set_deadline(time_point when) {
    disarm(*task_->loop);
    arm(*task_->loop, when);
}

void timeout_core::expired() noexcept {
    expired_ = true;
    task_->cancel(make_cancel({}, cancel_kind::deadline, {}, {}));
}

bool timeout_core::leave(bool cancelled) noexcept {
    disarm(*task_->loop);
    if (!expired_) return false;
    // More requests than ours: the cancel is somebody else's as well, and goes on.
    if (task_->uncancel() > baseline_) return false;
    task_->must_cancel = false;
    return cancelled;
}

}  // namespace detail

timeout::timeout(delay after) : after_(after) {}
timeout::timeout(timeout&&) noexcept = default;
timeout& timeout::operator=(timeout&&) noexcept = default;
timeout::~timeout() = default;

timeout timeout_at(std::optional<time_point> when) {
    timeout t{delay::forever()};
    t.when_ = when;
    return t;
}

std::optional<time_point> timeout::when() const noexcept { return when_; }

bool timeout::expired() const noexcept { return core_ && core_->has_expired(); }

void timeout::enter() {
    if (state_ != state::created)
        throw std::runtime_error("asyncio: a timeout is used once; make a new one for each block");
    event_loop& loop = detail::loop_for("timeout");
    if (loop.current_task == nullptr)
        throw std::runtime_error(
            "asyncio: timeout must be used inside a task, not in a plain callback");
    core_ = std::make_unique<detail::timeout_core>();
    core_->enter(*loop.current_task);
    if (!when_ && !after_.is_forever()) when_ = after_.after(loop.time());
    if (when_) core_->set_deadline(*when_);
    state_ = state::entered;
}

void timeout::reschedule(std::optional<time_point> when) {
    if (state_ == state::created)
        throw std::runtime_error(
            "asyncio: timeout: reschedule() works inside the block only; it was not entered yet");
    if (state_ == state::left)
        throw std::runtime_error(
            "asyncio: timeout: reschedule() works inside the block only; it is over");
    if (expired())
        throw std::runtime_error("asyncio: timeout: too late to reschedule, it is expiring");
    when_ = when;
    if (when)
        core_->set_deadline(*when);
    else
        core_->clear_deadline();
}

void timeout::exit(const std::exception_ptr& error) {
    state_ = state::left;
    if (core_->leave(detail::as_cancelled(error) != nullptr)) throw timeout_error();
}

}  // namespace asyncio
