#include "asyncio/sync/wait_list.hpp"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

std::string sync_name::with(std::string_view kind) const {
    if (name_) return std::string(kind) + " '" + *name_ + "'";
    const bool vowel = !kind.empty() && std::string_view("aeiou").find(kind[0]) != kind.npos;
    return std::string(vowel ? "an " : "a ") + std::string(kind);
}

// ---- one task in line ----

void waiter::give_up() noexcept { leave(); }

bool waiter::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    if (status_ != status::waiting) return false;
    line_->remove(*this);
    status_ = status::cancelled;
    t.wake_to_go_on();
    return true;
}

void waiter::fail(const char* kind) {
    if (std::exchange(status_, status::idle) == status::cancelled) task_->throw_cancel();
    throw std::runtime_error(std::string("asyncio: the ") + kind +
                             " was destroyed while this task waited for it; it must outlive the "
                             "tasks that use it");
}

// ---- the line ----

void wait_list::refuse_loop(const char* kind) {
    throw std::runtime_error(std::string("asyncio: this ") + kind +
                             " is used by another event loop; give each loop its own, and reach "
                             "the other one with run_coroutine_threadsafe");
}

void wait_list::revoke_last() noexcept {
    waiter& w = next_ != nullptr ? *next_->before_ : *last_;
    w.status_ = waiter::status::waiting;
    --granted_;
    next_ = &w;
    w.task_->wait_again(w);
}

void wait_list::release_all() noexcept {
    while (next_ != nullptr) {
        waiter& w = *next_;
        w.leave();
        w.task_->wake_to_go_on();
    }
}

void wait_list::orphan_all() noexcept {
    while (first_ != nullptr) {
        waiter& w = *first_;
        const bool woken = w.granted();
        remove(w);
        w.status_ = waiter::status::orphaned;
        if (!woken || w.task_->will_look()) w.task_->wake_to_go_on();
    }
}

void wait_list::check_thread_of_those_in_line(const char* operation) const {
    if (first_ == nullptr) return;
    const auto& loop = static_cast<const event_loop&>(*first_->task_->loop);
    if (loop.debug) loop.check_usable(operation);
}

void report_sync_error(const char* where) noexcept {
    // Without a running loop, frames die with their loop: a guard among them may hold nothing.
    if (running_loop == nullptr) return;
    try {
        static_cast<event_loop&>(*running_loop)
            .call_exception_handler({.message = std::string("Exception in ") + where,
                                     .exception = std::current_exception(),
                                     .task_name = {},
                                     .details = {}});
    } catch (...) {
        std::fputs("asyncio: an error could not be reported\n", stderr);
    }
}

}  // namespace asyncio::detail
