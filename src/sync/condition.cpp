#include "asyncio/sync/condition.hpp"

#include <stdexcept>
#include <utility>

namespace asyncio {

namespace detail {

// ---- back to the lock ----

bool relock_wait::start(task_state_base& t) noexcept {
    if (lock_.is_free()) {
        lock_.take_by(t);
        return true;
    }
    task_ = &t;
    line_->push_back(*this);
    return false;
}

void relock_wait::finish() {
    if (!granted()) fail("lock");
    leave();
    lock_.take_by(*std::exchange(task_, nullptr));
}

// ---- one wait ----
//
//      parked --notify--> granted, in line_ ----.
//         `----cancel---> granted, in leaving_ --+-- its turn: takes the lock, or stands in line
//                                                    for it; then the wait is over

condition_wait::condition_wait(condition& c) noexcept
    : waiter(c.line_), condition_(c), relock_(c.lock_) {}

void condition_wait::release_and_suspend(promise_base& p) {
    condition_.require_lock("wait");
    check_unused();
    line_->check_loop(*p.task->loop, "condition");
    condition_.lock_.release();
    suspend(p);
}

bool condition_wait::cancel_wait(task_state_base&, const cancel_ref&) noexcept {
    if (!relock_.started()) {
        if (status_ != status::waiting) return false;
        line_->remove(*this);
        line_ = &condition_.leaving_;
        line_->push_back(*this);
        line_->wake_next_to_look();
    }
    cancelled_ = true;  // thrown once the lock is held again
    return true;
}

bool condition_wait::look() {
    if (task_->take_pending_cancel()) cancelled_ = true;
    return relock_.start(*task_);
}

void condition_wait::await_resume() {
    if (relock_.started())
        relock_.finish();
    else if (!granted())
        fail("condition");
    const bool notified = granted() && line_ == &condition_.line_;
    if (granted()) leave();
    line_ = &condition_.line_;
    if (!std::exchange(cancelled_, false) && !task_->must_cancel) return;
    if (notified) condition_.pass_on();
    task_->throw_cancel();
}

void condition_wait::give_up() noexcept {
    const bool notified = granted() && line_ == &condition_.line_;
    leave();
    if (notified) condition_.pass_on();
}

std::string condition_wait::describe() const {
    return relock_.started() ? relock_.describe() : condition_.describe();
}

const task_state_base* condition_wait::owner() const noexcept {
    return relock_.started() ? relock_.owner() : nullptr;
}

}  // namespace detail

void condition::require_lock(const char* operation) const {
    if (lock_.locked()) return;
    throw std::runtime_error(std::string("asyncio: ") + operation + "() of " + describe() +
                             " whose lock is not held: acquire() it first, or use "
                             "scoped_acquire()");
}

void condition::notify(std::size_t n) {
    require_lock("notify");
    line_.check_thread("condition.notify");
    for (; n > 0 && line_.has_waiting(); --n) line_.wake_next_to_look();
}

void condition::notify_all() {
    require_lock("notify_all");
    line_.check_thread("condition.notify_all");
    while (line_.has_waiting()) line_.wake_next_to_look();
}

}  // namespace asyncio
