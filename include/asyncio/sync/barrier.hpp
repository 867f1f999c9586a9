// barrier: tasks go on once enough of them are there.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "asyncio/sync/wait_list.hpp"

namespace asyncio {

class barrier;

namespace detail {

/// A task that waits at a barrier, or in front of it while the last round leaves.
class [[nodiscard("wait() does nothing until it is awaited: co_await it")]] barrier_wait final
    : public waiter {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    explicit barrier_wait(barrier& b) noexcept;
    barrier_wait(barrier_wait&&) = default;
    ~barrier_wait() {
        if (in_line()) [[unlikely]]
            give_up();
    }

    bool await_ready();
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }
    std::size_t await_resume();

   private:
    friend class asyncio::barrier;
    void give_up() noexcept;
    bool cancel_wait(task_state_base& t, const cancel_ref& why) noexcept override;
    bool look() override;
    [[nodiscard]] std::string describe() const override;

    barrier& barrier_;
    std::size_t index_ = 0;
    bool inside_ = false;  // the barrier counts it
};

/// What reset() and abort() give: the change happens when it is awaited, and never suspends.
class [[nodiscard(
    "reset() and abort() do nothing until they are awaited: co_await them")]] barrier_change {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    using change = void (barrier::*)();
    barrier_change(barrier& b, change c) noexcept : barrier_(b), change_(c) {}
    static constexpr bool await_ready() noexcept { return true; }
    static constexpr void await_suspend(std::coroutine_handle<>) noexcept {}
    void await_resume() { (barrier_.*change_)(); }

   private:
    barrier& barrier_;
    change change_;
};

}  // namespace detail

/// Holds tasks until a given number of them wait, then lets them all go on, round after round. It
/// must outlive the tasks that use it; if it does not, those that wait get a std::runtime_error.
/// One loop, its thread.
class barrier {
   public:
    /// For `parties` tasks; 0 throws std::invalid_argument. The name is for reports.
    explicit barrier(std::size_t parties, std::string_view name = {});
    barrier(const barrier&) = delete;
    barrier& operator=(const barrier&) = delete;

    /// Waits until `parties` tasks are here. Gives each of them another index below `parties`. The
    /// last one does not suspend. Throws broken_barrier_error if the barrier is broken, or is reset
    /// or aborted meanwhile. A cancel takes the task out and leaves the others waiting; if it comes
    /// after the last one, the wait has succeeded and the cancel is thrown at the next await.
    detail::barrier_wait wait() noexcept { return detail::barrier_wait(*this); }
    /// Sends those who wait away with broken_barrier_error, and makes the barrier as new.
    detail::barrier_change reset() noexcept { return {*this, &barrier::do_reset}; }
    /// Sends those who wait away, and all who come later, with broken_barrier_error, until reset().
    detail::barrier_change abort() noexcept { return {*this, &barrier::do_abort}; }

    /// How many tasks it takes.
    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    /// How many wait now.
    [[nodiscard]] std::size_t n_waiting() const noexcept {
        return state_ == state::filling ? inside_ : 0;
    }
    /// Was it aborted?
    [[nodiscard]] bool broken() const noexcept { return state_ == state::broken; }

    /// What asyncio::with(barrier, body) awaits first: wait().
    detail::barrier_wait enter() noexcept { return wait(); }
    /// Nothing: there is nothing to give back.
    void exit() const noexcept {}

    /// The name given at construction; empty if there is none.
    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// For reports: "barrier 'start' (2 of 3 are there)".
    [[nodiscard]] std::string describe() const;

   private:
    friend class detail::barrier_wait;
    enum class state : std::uint8_t {
        filling,    // they come
        draining,   // enough were there: they leave
        resetting,  // they leave with an error
        broken,
    };

    [[nodiscard]] bool leaving() const noexcept {
        return state_ == state::draining || state_ == state::resetting;
    }
    [[nodiscard]] bool arrive();
    void depart() noexcept;
    void wake_inside() noexcept;
    void wake_outside() noexcept;
    void change_to(state s, const char* operation);
    [[noreturn]] void refuse(const char* why) const;
    void do_reset() { change_to(inside_ > 0 ? state::resetting : state::filling, "barrier.reset"); }
    void do_abort() { change_to(state::broken, "barrier.abort"); }

    std::size_t parties_;
    std::size_t inside_ = 0;
    state state_ = state::filling;
    detail::wait_list inside_line_;
    detail::wait_list outside_line_;
    detail::sync_name name_;
};

namespace detail {

inline barrier_wait::barrier_wait(barrier& b) noexcept : waiter(b.inside_line_), barrier_(b) {}

}  // namespace detail
}  // namespace asyncio
