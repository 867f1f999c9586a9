// lock: one task at a time.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "asyncio/sync/acquire.hpp"
#include "asyncio/sync/guard.hpp"
#include "asyncio/sync/wait_list.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

class lock;

namespace detail {

class relock_wait;
class condition_wait;

/// Which task holds something. A task that ends is forgotten.
class owner_record final : public done_node {
   public:
    void set(task_state_base& t) noexcept {
        task_ = &t;
        t.add_waiter(*this);
    }
    void clear() noexcept {
        unlink();
        task_ = nullptr;
    }
    [[nodiscard]] task_state_base* get() const noexcept { return task_; }

   private:
    void future_done(future_state_base&) noexcept override { task_ = nullptr; }
    void future_dropped() noexcept override { task_ = nullptr; }
    task_state_base* task_ = nullptr;
};

/// A task in line for a lock.
class lock_waiter : public waiter {
   public:
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] const task_state_base* owner() const noexcept override;

    void give_up() noexcept;

   protected:
    lock_waiter(lock& l, task_state_base& t);
    explicit lock_waiter(lock& l) noexcept;
    lock_waiter(lock_waiter&&) = default;
    ~lock_waiter() = default;
    lock& lock_;
};

/// The wait of an acquire.
class lock_wait final : public lock_waiter {
   public:
    lock_wait(lock& l, task_state_base& t) : lock_waiter(l, t) {}
    /// Takes the lock. Throws what ended the wait instead.
    void finish();
};

using lock_acquire = acquire_call<lock, lock_wait>;
using scoped_lock_acquire = scoped_acquire_call<lock, lock_wait>;

}  // namespace detail

/// Held by one task at a time. Fair: those who wait get it in the order in which they came, and
/// nobody overtakes them. Not recursive. It must outlive the tasks that use it; if it does not,
/// those that wait get a std::runtime_error, and guards hold nothing any more. One loop, its
/// thread.
class lock : public detail::guarded {
   public:
    /// The name is for reports: "lock 'db' held by task 'worker'".
    explicit lock(std::string_view name = {}) : name_(name) {}
    lock(const lock&) = delete;
    lock& operator=(const lock&) = delete;
    ~lock() {
        if (owner_.get() != nullptr) [[unlikely]]
            report_if_in_use();
    }

    /// Waits until it is free and takes it. Suspends only if it is held or others wait for it. A
    /// cancel leaves the line; if the lock was just handed over, the next one gets it.
    detail::lock_acquire acquire() noexcept { return detail::lock_acquire(*this); }
    /// The same; gives a guard, which releases the lock at the end of its scope.
    detail::scoped_lock_acquire scoped_acquire() noexcept {
        return detail::scoped_lock_acquire(*this);
    }
    /// Frees it and wakes the first who waits. Any task may do that. Throws std::runtime_error if
    /// it is not held.
    void release() {
        if (!locked_ || !line_.empty()) [[unlikely]] {
            release_slow();
            return;
        }
        locked_ = false;
        owner_.clear();
    }
    /// Is it held? False from the release until the next one's turn.
    [[nodiscard]] bool locked() const noexcept { return locked_; }

    /// Does not compile, and says what to write instead of std::lock_guard, which would block.
    template <class T = void>
    void unlock() {
        static_assert(
            !sizeof(T*),
            "std::lock_guard and its like would block the thread: write const auto held = "
            "co_await the_lock.scoped_acquire()");
    }

    /// What asyncio::with(lock, body) awaits first: acquire().
    detail::lock_acquire enter() noexcept { return acquire(); }
    /// And does last: release(); an error is reported instead of thrown.
    void exit() noexcept;

    /// The name given at construction; empty if there is none.
    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// The task that holds it; an empty handle if nobody does, or if that task has ended.
    [[nodiscard]] task<> owner() const;
    /// For reports: "lock 'db' held by task 'worker'", "a lock, free".
    [[nodiscard]] std::string describe() const;

   private:
    friend class detail::lock_waiter;
    friend class detail::lock_wait;
    template <class, class>
    friend class detail::acquire_call;
    template <class, class>
    friend class detail::scoped_acquire_call;
    friend class detail::relock_wait;
    friend class detail::condition_wait;

    [[nodiscard]] bool is_free() const noexcept { return !locked_ && line_.empty(); }
    bool try_acquire() noexcept {
        if (!is_free()) [[unlikely]]
            return false;
        take_by(*detail::loop_of_turn->current_task);
        return true;
    }
    void take_by(detail::task_state_base& t) noexcept {
        locked_ = true;
        owner_.set(t);
    }
    /// A grant was not taken: the next one gets it.
    void pass_on() noexcept {
        if (!locked_ && line_.has_waiting() && line_.granted() == 0) line_.wake_next();
    }
    /// Where a task waits. Throws std::runtime_error if the holder is of another loop.
    detail::wait_list& line_for(const detail::task_state_base& t);
    void release_slow();
    void report_if_in_use() const noexcept;

    bool locked_ = false;
    detail::wait_list line_;
    detail::owner_record owner_;
    detail::sync_name name_;
};

namespace detail {

inline lock_waiter::lock_waiter(lock& l) noexcept : waiter(l.line_), lock_(l) {}

}  // namespace detail
}  // namespace asyncio
