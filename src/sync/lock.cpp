#include "asyncio/sync/lock.hpp"

#include <stdexcept>

namespace asyncio {

namespace detail {

lock_waiter::lock_waiter(lock& l, task_state_base& t)
    : waiter(l.line_for(t), t, "lock"), lock_(l) {}

void lock_wait::finish() {
    if (over()) return;
    if (!granted()) fail("lock");
    leave();
    if (task_->must_cancel) {
        lock_.pass_on();
        task_->throw_cancel();
    }
    lock_.take_by(*task_);
}

void lock_waiter::give_up() noexcept {
    leave();
    lock_.pass_on();
}

std::string lock_waiter::describe() const { return lock_.describe(); }

const task_state_base* lock_waiter::owner() const noexcept { return lock_.owner_.get(); }

}  // namespace detail

detail::wait_list& lock::line_for(const detail::task_state_base& t) {
    const detail::task_state_base* holder = owner_.get();
    if (holder != nullptr && holder->loop != t.loop)
        throw std::runtime_error("asyncio: " + describe() +
                                 " belongs to another event loop; give each loop its own, and "
                                 "reach the other one with run_coroutine_threadsafe");
    return line_;
}

void lock::release_slow() {
    if (!locked_)
        throw std::runtime_error("asyncio: release() of " + name_.with("lock") +
                                 " that is not held: every release() needs its own acquire(), and "
                                 "a guard releases by itself");
    line_.check_thread("lock.release");
    locked_ = false;
    owner_.clear();
    pass_on();
}

void lock::exit() noexcept {
    try {
        release();
    } catch (...) {
        detail::report_sync_error("the release of a lock");
    }
}

void lock::report_if_in_use() const noexcept {
    const detail::task_state_base& holder = *owner_.get();
    if (holder.loop->current_task == &holder) return;  // it dies in its holder's own scope
    detail::report_destroyed(*this, "the destructor of a lock");
}

task<> lock::owner() const { return task<>(detail::ref<detail::future_state_base>(owner_.get())); }

std::string lock::describe() const {
    const std::string what = name_.with("lock");
    if (const detail::task_state_base* holder = owner_.get())
        return what + " held by " + holder->describe();
    if (locked_) return what + " held by a task that has ended";
    if (!line_.empty()) return what + " that was just released";
    return what + ", free";
}

}  // namespace asyncio
