// event: a flag that tasks wait for.
#pragma once

#include <string>
#include <string_view>

#include "asyncio/sync/wait_list.hpp"

namespace asyncio {

class event;

namespace detail {

/// A task that waits for an event.
class event_wait final : public waiter {
   public:
    event_wait(event& e, task_state_base& t);
    /// Throws what ended the wait, if it was not set().
    void finish() {
        if (!over()) [[unlikely]]
            fail("event");
    }

   private:
    [[nodiscard]] std::string describe() const override;
    event& event_;
};

class [[nodiscard("wait() does nothing until it is awaited: co_await it")]] event_awaiter final
    : public sync_awaiter<event, event_wait> {
   public:
    explicit event_awaiter(event& e) noexcept : sync_awaiter(e) {}
    [[nodiscard]] bool await_ready() const noexcept;
    void await_resume() { finish(); }
};

}  // namespace detail

/// A flag, false at first. set() wakes everybody who waits. It must outlive the tasks that use it;
/// if it does not, those that wait get a std::runtime_error. One loop, its thread: from another
/// thread write loop.call_soon_threadsafe([&] { e.set(); }).
class event {
   public:
    /// The name is for reports.
    explicit event(std::string_view name = {}) : name_(name) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    /// Makes the flag true and wakes all who wait, in the order in which they came.
    void set() {
        if (!line_.empty()) [[unlikely]]
            wake_all();
        set_ = true;
    }
    /// Makes the flag false. Those who were woken before stay awake.
    void clear() noexcept { set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return set_; }
    /// Waits until the flag is true. Suspends only if it is false. A cancel ends the wait; if it
    /// comes after the set(), the wait has succeeded and the cancel is thrown at the next await.
    detail::event_awaiter wait() noexcept { return detail::event_awaiter(*this); }

    /// The name given at construction; empty if there is none.
    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// For reports: "event 'ready'".
    [[nodiscard]] std::string describe() const { return name_.with("event"); }

   private:
    friend class detail::event_wait;
    void wake_all();

    bool set_ = false;
    detail::wait_list line_;
    detail::sync_name name_;
};

namespace detail {

inline event_wait::event_wait(event& e, task_state_base& t)
    : waiter(e.line_, t, "event"), event_(e) {}
inline bool event_awaiter::await_ready() const noexcept { return primitive_.is_set(); }

}  // namespace detail
}  // namespace asyncio
