// condition: wait until another task says that something may have changed.
#pragma once

#include <coroutine>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/base/function.hpp"
#include "asyncio/base/temporaries.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/wait_list.hpp"
#include "asyncio/task/coroutine.hpp"

namespace asyncio {

class condition;

namespace detail {

/// Gets the lock back after a wait, whatever happens.
class relock_wait final : public lock_waiter {
   public:
    explicit relock_wait(lock& l) noexcept : lock_waiter(l) {}
    relock_wait(relock_wait&&) = default;
    ~relock_wait() {
        if (in_line()) [[unlikely]]
            give_up();
    }
    /// True: the task holds the lock. False: it stands in line for it.
    bool start(task_state_base& t) noexcept;
    /// Takes the lock that it stood in line for.
    void finish();
    [[nodiscard]] bool started() const noexcept { return task_ != nullptr; }
};

/// A task that waits for a notification, and then for the lock.
class [[nodiscard("wait() does nothing until it is awaited: co_await it")]] condition_wait final
    : public waiter {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    explicit condition_wait(condition& c) noexcept;
    condition_wait(condition_wait&&) = default;
    ~condition_wait() {
        if (in_line()) [[unlikely]]
            give_up();
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        release_and_suspend(promise_of(h));
    }
    void await_resume();

   private:
    void release_and_suspend(promise_base& p);
    void give_up() noexcept;
    bool cancel_wait(task_state_base& t, const cancel_ref& why) noexcept override;
    bool look() override;
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] const task_state_base* owner() const noexcept override;

    condition& condition_;
    relock_wait relock_;
    bool cancelled_ = false;
};

}  // namespace detail

/// Waits for a notification under a lock: wait() lets the lock go meanwhile and holds it again when
/// it returns. It must outlive the tasks that use it, and its lock must outlive it; if it does not,
/// those that wait get a std::runtime_error. One loop, its thread.
class condition : public detail::guarded {
   public:
    /// With a lock of its own. The name is for reports.
    explicit condition(std::string_view name = {}) : lock_(own_), name_(name) {}
    /// With a lock that others use, too.
    explicit condition(lock& l, std::string_view name = {}) : lock_(l), name_(name) {}
    condition(const condition&) = delete;
    condition& operator=(const condition&) = delete;

    /// The lock's: see there.
    detail::lock_acquire acquire() noexcept { return lock_.acquire(); }
    detail::scoped_lock_acquire scoped_acquire() noexcept { return lock_.scoped_acquire(); }
    void release() { lock_.release(); }
    [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }

    /// Releases the lock, waits for a notification, and takes the lock again. A cancel, too, is
    /// thrown only once the lock is held again; a notification that came before it goes to the next
    /// one. Throws std::runtime_error if the lock is not held. What was waited for may have changed
    /// again: check it in a loop, or use wait_for().
    detail::condition_wait wait() noexcept { return detail::condition_wait(*this); }
    /// Waits until f(args...) gives something true, and gives that. It is called first at once, and
    /// then after each notification, always with the lock held. The callable and the arguments are
    /// kept by value.
    template <class F, class... Args>
    [[nodiscard]] auto wait_for(F&& f, Args&&... args);

    /// Wakes the first `n` who wait; they return once they get the lock. Throws std::runtime_error
    /// if the lock is not held.
    void notify(std::size_t n = 1);
    /// The same for everybody.
    void notify_all();

    /// What asyncio::with(condition, body) awaits first: acquire().
    detail::lock_acquire enter() noexcept { return lock_.enter(); }
    /// And does last: release(); an error is reported instead of thrown.
    void exit() noexcept { lock_.exit(); }

    /// The name given at construction; empty if there is none.
    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// For reports: "condition 'changed'".
    [[nodiscard]] std::string describe() const { return name_.with("condition"); }

   private:
    friend class detail::condition_wait;
    void require_lock(const char* operation) const;
    void pass_on() noexcept {
        if (line_.has_waiting()) line_.wake_next_to_look();
    }

    lock own_;
    lock& lock_;
    detail::wait_list line_;     // first those who were notified and want the lock again
    detail::wait_list leaving_;  // those who were cancelled and want the lock again
    detail::sync_name name_;
};

namespace detail {

template <class R, class F, class... Args>
coroutine<R> wait_for_condition(condition& c, F predicate, Args... args) {
    for (;;) {
        R result = detail::invoke(predicate, args...);
        if (static_cast<bool>(result)) co_return result;
        co_await c.wait();
    }
}

}  // namespace detail

template <class F, class... Args>
auto condition::wait_for(F&& f, Args&&... args) {
    detail::check_callback<F, Args...>();
    static_assert(!detail::is_fragile_temporary<F>,
                  "g++ 12 destroys a temporary lambda with captures twice if it stands in one "
                  "expression with co_await: name the predicate first (auto ready = [...] {...}; "
                  "co_await c.wait_for(ready)), or capture by reference");
    if constexpr (std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>) {
        using result = std::decay_t<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>>;
        static_assert(std::is_constructible_v<bool, result>,
                      "wait_for(predicate): the predicate must give something that is true or "
                      "false");
        detail::check_not_null(f);
        return detail::wait_for_condition<result, std::decay_t<F>, std::decay_t<Args>...>(
            *this, std::forward<F>(f), std::forward<Args>(args)...);
    }
}

}  // namespace asyncio
