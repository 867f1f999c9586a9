#include "asyncio/sync/semaphore.hpp"

#include <stdexcept>

namespace asyncio {

namespace detail {

void semaphore_wait::finish() {
    if (over()) return;
    if (!granted()) fail("semaphore");
    leave();
    const bool cancelled = task_->must_cancel != 0;
    if (cancelled) ++semaphore_.value_;
    // Places that became free meanwhile were kept for this one's turn.
    semaphore_.wake_those_who_can();
    if (cancelled) task_->throw_cancel();
}

void semaphore_wait::give_up() noexcept {
    if (granted()) ++semaphore_.value_;
    leave();
    semaphore_.wake_those_who_can();
}

std::string semaphore_wait::describe() const { return semaphore_.describe(); }

}  // namespace detail

semaphore::semaphore(std::ptrdiff_t value, std::string_view name, std::ptrdiff_t bound)
    : value_(value), bound_(bound), name_(name) {
    if (value < 0)
        throw std::invalid_argument("asyncio: " + name_.with("semaphore") + " cannot start with " +
                                    std::to_string(value) + " places: the value must be 0 or more");
}

void semaphore::release_slow() {
    if (value_ >= bound_)
        throw std::invalid_argument("asyncio: release() of " + name_.with("semaphore") +
                                    " that has all its " + std::to_string(bound_) +
                                    " places already: every release() needs its own acquire()");
    line_.check_thread("semaphore.release");
    ++value_;
    if (line_.has_waiting()) {
        --value_;
        line_.wake_next();
    }
}

void semaphore::wake_those_who_can() noexcept {
    for (; value_ > 0 && line_.has_waiting(); --value_) line_.wake_next();
}

void semaphore::exit() noexcept {
    try {
        release();
    } catch (...) {
        detail::report_sync_error("the release of a semaphore");
    }
}

void semaphore::report_in_use() const noexcept {
    detail::report_destroyed(*this, "the destructor of a semaphore");
}

std::string semaphore::describe() const {
    return name_.with("semaphore") + " with " + std::to_string(value_) + " free";
}

}  // namespace asyncio
