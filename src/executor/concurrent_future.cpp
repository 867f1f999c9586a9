#include "asyncio/executor/concurrent_future.hpp"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/task/future.hpp"
#include "executor/executor_room.hpp"

namespace asyncio::detail {

namespace {

using listeners = std::vector<function<void()>>;

void call(const function<void()>& f) noexcept {
    try {
        f();
    } catch (...) {
        std::fprintf(stderr, "asyncio: Exception in a done callback of a concurrent_future: %s\n",
                     describe(std::current_exception()).c_str());
    }
}

void call_all(const listeners& told) noexcept {
    for (const function<void()>& f : told) call(f);
}

std::string timeout_text(delay timeout) {
    char text[128];
    std::snprintf(text, sizeof text,
                  "asyncio: timed out: no result after %.3f s (the work goes on; cancel() ends it)",
                  std::chrono::duration<double>(timeout.nanoseconds()).count());
    return text;
}

}  // namespace

struct concurrent_state_base::locked {
    std::mutex mutex;
    std::condition_variable ended;
    listeners told;    ///< whom to tell at the end
    ref<mailbox> box;  ///< where a cancel goes
    ref<handle_state> canceller;
    const loop_core* home = nullptr;
};

concurrent_state_base::concurrent_state_base(const loop_core* home)
    : locked_(std::make_unique<locked>()) {
    locked_->home = home;
}

concurrent_state_base::~concurrent_state_base() {
    if (!unretrieved_.load(std::memory_order_relaxed)) return;
    std::fprintf(stderr,
                 "asyncio: concurrent_future exception was never retrieved\n  exception: %s\n",
                 describe(exception_).c_str());
}

void concurrent_state_base::wait(delay timeout) {
    if (done()) return;
    if (locked_->home != nullptr && locked_->home == running_loop)
        throw_runtime_error(
            "asyncio: result() would block the event loop that has to run the coroutine, for ever; "
            "inside a coroutine write co_await wrap_future(f)");
    std::unique_lock lock(locked_->mutex);
    const auto is_done = [this] { return done(); };
    if (timeout.is_forever())
        locked_->ended.wait(lock, is_done);
    else if (!locked_->ended.wait_until(lock, timeout.after(clock::now()), is_done))
        throw timeout_error(timeout_text(timeout));
}

std::exception_ptr concurrent_state_base::get_exception() {
    unretrieved_.store(false, std::memory_order_relaxed);
    if (status() == concurrent_status::cancelled) throw_cancelled(cancel_why_);
    return exception_;
}

std::exception_ptr concurrent_state_base::take_exception() {
    std::exception_ptr error = get_exception();
    if (handles() == 1) exception_ = nullptr;
    return error;
}

bool concurrent_state_base::begin() noexcept {
    const std::lock_guard lock(locked_->mutex);
    if (done()) return false;
    status_.store(concurrent_status::running, std::memory_order_release);
    return true;
}

void concurrent_state_base::finish(std::exception_ptr error) noexcept {
    listeners told;
    ref<handle_state> canceller;
    {
        const std::lock_guard lock(locked_->mutex);
        if (done()) return;
        const cancelled_error* cancel = as_cancelled(error);
        if (cancel != nullptr) {
            cancel_why_ = cancel->record();
        } else {
            exception_ = std::move(error);
            unretrieved_.store(exception_ && !disowned_, std::memory_order_relaxed);
        }
        status_.store(
            cancel != nullptr ? concurrent_status::cancelled : concurrent_status::finished,
            std::memory_order_release);
        told.swap(locked_->told);
        canceller = std::move(locked_->canceller);
    }
    locked_->ended.notify_all();
    call_all(told);
}

bool concurrent_state_base::cancel(const cancel_ref& why) noexcept {
    if (!claim_cancel(why)) {
        unretrieved_.store(false, std::memory_order_relaxed);
        return status() == concurrent_status::cancelled;
    }
    settle_cancel();
    return true;
}

bool concurrent_state_base::claim_cancel(const cancel_ref& why) noexcept {
    {
        const std::lock_guard lock(locked_->mutex);
        if (status() != concurrent_status::pending) return false;
        cancel_why_ = why;
        status_.store(concurrent_status::cancelled, std::memory_order_release);
    }
    locked_->ended.notify_all();
    return true;
}

void concurrent_state_base::settle_cancel() noexcept {
    listeners told;
    ref<mailbox> box;
    ref<handle_state> canceller;
    {
        const std::lock_guard lock(locked_->mutex);
        told.swap(locked_->told);
        box = std::move(locked_->box);
        canceller = std::move(locked_->canceller);
    }
    drop_work();
    if (canceller) box->post(canceller);
    call_all(told);
}

void concurrent_state_base::disown() noexcept {
    const std::lock_guard lock(locked_->mutex);
    disowned_ = true;
    unretrieved_.store(false, std::memory_order_relaxed);
}

void concurrent_state_base::add_listener(function<void()> f) {
    {
        const std::lock_guard lock(locked_->mutex);
        if (!done()) {
            locked_->told.push_back(std::move(f));
            return;
        }
    }
    call(f);
}

bool concurrent_state_base::set_canceller(const ref<mailbox>& box,
                                          ref<handle_state> canceller) noexcept {
    const std::lock_guard lock(locked_->mutex);
    if (done()) return false;
    locked_->box = box;
    locked_->canceller = std::move(canceller);
    return true;
}

void throw_shared_concurrent_move() {
    throw_invalid_state(
        "asyncio: this result cannot be copied and other handles share it: ask a named "
        "concurrent_future to get a reference, or drop the other handles");
}

void throw_empty_concurrent_future() {
    throw_invalid_state(
        "asyncio: this concurrent_future is empty: it was default-constructed or moved from");
}

cancel_ref concurrent_cancel_request(std::string_view message, std::source_location where) {
    return cancel_request(message, where);
}

}  // namespace asyncio::detail
