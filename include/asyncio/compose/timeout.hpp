// timeout: a limit on a block. wait_for is the same for one awaitable.
#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <string>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/exceptions.hpp"
#include "asyncio/compose/own_cancel.hpp"

namespace asyncio {

namespace detail {

/// The mechanism: at the deadline it cancels its task once; at the end it takes that cancel back.
class timeout_core final : public deadline {
   public:
    timeout_core() noexcept = default;
    ~timeout_core() { disarm_if_armed(); }

    void enter(task_state_base& t) noexcept { own_.enter(t); }
    /// One that has passed already expires in the next round, before what becomes ready from now
    /// on.
    void set_deadline(time_point when, time_point now);
    /// The deadline is now: what the task waits for is cancelled.
    void expired() noexcept override;
    void disarm_if_armed() noexcept {
        if (armed() || is_due()) disarm(*own_.task().loop);
    }
    /// The block has ended, with this exception or none. Gives what it ends with instead:
    /// timeout_error if the deadline is the only reason of a cancel.
    [[nodiscard]] std::exception_ptr leave(std::exception_ptr error);
    /// There was no time at all: timeout_error, or the cancel that came first.
    [[nodiscard]] std::exception_ptr in_vain();
    [[nodiscard]] bool has_expired() const noexcept { return own_.requested(); }
    [[nodiscard]] const loop_core& loop() const noexcept { return *own_.task().loop; }
    /// The place that set the limit, for the cancel's reason.
    std::source_location where;

   private:
    [[nodiscard]] std::exception_ptr timed_out(const std::string& details) const noexcept;
    own_cancel own_;
};

}  // namespace detail

/// A limit on what a block may take. `co_await with(timeout(3s), body)` throws timeout_error when
/// the time is up and the body, which is cancelled at its await, has ended. Nested limits with one
/// deadline: the outermost throws. A cancel that comes from elsewhere goes on as it is. Once.
class timeout {
   public:
    /// The time runs from entering the block; std::nullopt: no limit until reschedule().
    explicit timeout(delay after, std::source_location where = std::source_location::current());
    /// Only before the block was entered; throws std::runtime_error afterwards.
    timeout(timeout&& o);
    timeout& operator=(timeout&&) = delete;
    ~timeout() = default;

    /// The deadline; empty if there is none.
    [[nodiscard]] std::optional<time_point> when() const noexcept { return when_; }
    /// Moves the deadline; std::nullopt removes it. Throws std::runtime_error before the block was
    /// entered, while it expires, and after it.
    void reschedule(std::optional<time_point> when);
    /// True once the deadline has passed while the block ran.
    [[nodiscard]] bool expired() const noexcept { return core_.has_expired(); }

    /// What with() calls. Throws std::runtime_error outside a task, and the second time.
    void enter();
    /// What with() calls. Throws timeout_error if the time was up.
    void exit(const std::exception_ptr& error);

   private:
    friend timeout timeout_at(std::optional<time_point> when, std::source_location where);
    enum class state : unsigned char { created, entered, left };
    delay after_;
    std::optional<time_point> when_;
    state state_ = state::created;
    detail::timeout_core core_;
};

/// The same with a deadline on the loop's clock; std::nullopt: none.
[[nodiscard]] timeout timeout_at(std::optional<time_point> when,
                                 std::source_location where = std::source_location::current());

}  // namespace asyncio
