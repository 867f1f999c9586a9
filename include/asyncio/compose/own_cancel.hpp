// own_cancel: how a block (a timeout, a task group) cancels the task that it is part of, without
// swallowing the cancel of anybody else.
#pragma once

#include <cstdint>
#include <exception>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

/// A cancel that a block requests of its own task and takes back when it ends. Requests are
/// counted: what remains above the count at entry is somebody else's. When both meet in one round
/// the task sees one exception, with either reason; the other's is the one that counts.
class own_cancel {
   public:
    void enter(task_state_base& t) noexcept {
        task_ = &t;
        baseline_ = t.cancelling;
        requests_ = t.cancel_requests;
    }
    [[nodiscard]] task_state_base& task() const noexcept { return *task_; }

    /// Cancels the task; once.
    void request(cancel_ref why);
    /// The block has ended: its request, delivered or not, is as if it had not been made.
    void take_back() noexcept;
    [[nodiscard]] bool requested() const noexcept { return requested_; }
    /// The reason of the request; null if there was no memory for one.
    [[nodiscard]] const cancel_ref& why() const noexcept { return own_; }
    /// After take_back(): somebody else has cancelled the task since the block began (or before,
    /// and it had not been delivered yet).
    [[nodiscard]] bool others_too() const noexcept {
        return merged_ || task_->cancelling > baseline_;
    }
    /// After take_back(), with others_too(): the cancel that the block ended with; if it carries
    /// the reason of the block's own request, with the reason of the others.
    [[nodiscard]] std::exception_ptr of_the_others(std::exception_ptr cancel) const;

   private:
    /// There is a cancel that came before the block began, and was not delivered yet.
    [[nodiscard]] bool one_from_before() const noexcept { return task_->was_pending_at(requests_); }

    task_state_base* task_ = nullptr;
    cancel_ref own_;
    cancel_ref before_;           ///< the reason of the last request before the own one
    std::uint32_t baseline_ = 0;  ///< how many requests there were at entry that count still
    std::uint32_t requests_ = 0;  ///< how many had ever been made
    std::uint32_t number_ = 0;    ///< of the own request, among all the task's
    bool requested_ = false;
    bool taken_back_ = false;
    bool merged_ = false;  ///< it joined one from before the block
};

}  // namespace asyncio::detail
