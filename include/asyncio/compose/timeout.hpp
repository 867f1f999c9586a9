// timeout: a limit on a block. wait_for is the same for one awaitable.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/exceptions.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio {

namespace detail {

/// The mechanism: at the deadline it cancels its task once; at the end it takes that cancel back.
class timeout_core final : public deadline {
   public:
    timeout_core() noexcept = default;
    ~timeout_core() {
        if (task_ != nullptr) disarm(*task_->loop);
    }

    void enter(task_state_base& t) noexcept {
        task_ = &t;
        baseline_ = t.cancelling;
    }
    void set_deadline(time_point when);
    void clear_deadline() noexcept { disarm(*task_->loop); }
    /// The block has ended, with a cancel or not. True: the deadline was the only reason for that
    /// cancel.
    [[nodiscard]] bool leave(bool cancelled) noexcept;
    [[nodiscard]] bool has_expired() const noexcept { return expired_; }
    [[nodiscard]] task_state_base& task() const noexcept { return *task_; }

   private:
    void expired() noexcept override;
    task_state_base* task_ = nullptr;
    std::uint32_t baseline_ = 0;
    bool expired_ = false;
};

}  // namespace detail

/// A limit on what a block may take. `co_await with(timeout(3s), body)` throws timeout_error when
/// the time is up and the body, which is cancelled at its await, has ended. Nested limits with one
/// deadline: the outermost throws. Once.
class timeout {
   public:
    /// The time runs from entering the block; std::nullopt: no limit until reschedule().
    explicit timeout(delay after);
    timeout(timeout&&) noexcept;
    timeout(const timeout&) = delete;
    timeout& operator=(timeout&&) noexcept;
    ~timeout();

    /// The deadline; empty if there is none.
    [[nodiscard]] std::optional<time_point> when() const noexcept;
    /// Moves the deadline; std::nullopt removes it. Throws std::runtime_error before the block was
    /// entered, while it expires, and after it.
    void reschedule(std::optional<time_point> when);
    /// True once the deadline has passed while the block ran.
    [[nodiscard]] bool expired() const noexcept;

    /// What with() calls.
    void enter();
    void exit(const std::exception_ptr& error);

   private:
    friend timeout timeout_at(std::optional<time_point> when);
    enum class state : unsigned char { created, entered, left };
    delay after_;
    std::optional<time_point> when_;
    state state_ = state::created;
    std::unique_ptr<detail::timeout_core> core_;
};

/// The same with a deadline on the loop's clock; std::nullopt: none.
[[nodiscard]] timeout timeout_at(std::optional<time_point> when);

}  // namespace asyncio
