// semaphore: at most n tasks at a time. bounded_semaphore: the same, and refuses to grow.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "asyncio/sync/acquire.hpp"
#include "asyncio/sync/guard.hpp"
#include "asyncio/sync/wait_list.hpp"

namespace asyncio {

class semaphore;

namespace detail {

/// A task that waits for a place.
class semaphore_wait final : public waiter {
   public:
    semaphore_wait(semaphore& s, task_state_base& t);
    /// Takes the place. Throws what ended the wait instead.
    void finish();
    void give_up() noexcept;

   private:
    [[nodiscard]] std::string describe() const override;
    semaphore& semaphore_;
};

using semaphore_acquire = acquire_call<semaphore, semaphore_wait>;
using scoped_semaphore_acquire = scoped_acquire_call<semaphore, semaphore_wait>;

}  // namespace detail

/// A number of places, which tasks take and give back. Fair: first come, first served, and nobody
/// overtakes those who wait. It must outlive the tasks that use it; if it does not, those that wait
/// get a std::runtime_error, and guards hold nothing any more. One loop, its thread.
class semaphore : public detail::guarded {
   public:
    /// `value` places; less than 0 throws std::invalid_argument. The name is for reports.
    explicit semaphore(std::ptrdiff_t value = 1, std::string_view name = {})
        : semaphore(value, name, std::numeric_limits<std::ptrdiff_t>::max()) {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore() {
        if (has_guards()) [[unlikely]]
            report_in_use();
    }

    /// Waits for a place and takes it. Suspends only if there is none or others wait. A cancel
    /// leaves the line; a place that was just granted goes to the next one.
    detail::semaphore_acquire acquire() noexcept { return detail::semaphore_acquire(*this); }
    /// The same; gives a guard, which gives the place back at the end of its scope.
    detail::scoped_semaphore_acquire scoped_acquire() noexcept {
        return detail::scoped_semaphore_acquire(*this);
    }
    /// Gives a place back, or adds one, and wakes the first who waits. Throws
    /// std::invalid_argument if a bounded_semaphore has all its places already.
    void release() {
        if (value_ >= bound_ || line_.has_waiting()) [[unlikely]] {
            release_slow();
            return;
        }
        ++value_;
    }
    /// Would acquire() have to wait?
    [[nodiscard]] bool locked() const noexcept { return value_ == 0 || !line_.empty(); }

    /// What asyncio::with(semaphore, body) awaits first: acquire().
    detail::semaphore_acquire enter() noexcept { return acquire(); }
    /// And does last: release(); an error is reported instead of thrown.
    void exit() noexcept;

    /// The name given at construction; empty if there is none.
    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// For reports: "semaphore 'pool' with 0 free".
    [[nodiscard]] std::string describe() const;

   protected:
    semaphore(std::ptrdiff_t value, std::string_view name, std::ptrdiff_t bound);

   private:
    friend class detail::semaphore_wait;
    template <class, class>
    friend class detail::acquire_call;
    template <class, class>
    friend class detail::scoped_acquire_call;
    bool try_acquire() noexcept {
        if (locked()) [[unlikely]]
            return false;
        --value_;
        return true;
    }
    void release_slow();
    void wake_those_who_can() noexcept;
    void report_in_use() const noexcept;

    std::ptrdiff_t value_;
    std::ptrdiff_t bound_;
    detail::wait_list line_;
    detail::sync_name name_;
};

/// A semaphore whose release() throws std::invalid_argument instead of exceeding the first value:
/// it finds a place that is given back twice.
class bounded_semaphore : public semaphore {
   public:
    /// At most `value` places are free at a time. Throws std::invalid_argument if negative.
    explicit bounded_semaphore(std::ptrdiff_t value = 1, std::string_view name = {})
        : semaphore(value, name, value) {}
};

namespace detail {

inline semaphore_wait::semaphore_wait(semaphore& s, task_state_base& t)
    : waiter(s.line_, t, "semaphore"), semaphore_(s) {}

}  // namespace detail
}  // namespace asyncio
