// sleep: lets the others run, for a while or for one round.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/temporaries.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

/// A pause that a timer ends.
class timed_sleep final : public wait_node, public timer_node {
   public:
    timed_sleep() noexcept = default;
    ~timed_sleep() {
        if (armed()) [[unlikely]]
            disarm();
    }
    void start(promise_base& p, delay d);
    /// A timer that has fired is not undone by a cancel that came after it.
    [[nodiscard]] bool cancelled() const noexcept { return task_ == nullptr; }

   private:
    void disarm() noexcept { task_->loop->timers.disarm(*this); }
    static void fire(timer_node& n, timer_event e) noexcept;
    bool cancel_wait(task_state_base& t, const cancel_ref&) noexcept override;
    [[nodiscard]] std::string describe() const override;

    task_state_base* task_ = nullptr;  // set when it starts, until a cancel ends it
};

/// A pause, or a bare yield, which needs no more than its task.
class sleep_wait {
   public:
    explicit sleep_wait(delay d) noexcept : delay_(d) {}
    sleep_wait(sleep_wait&& o) noexcept : delay_(o.delay_) {}
    sleep_wait& operator=(sleep_wait&&) = delete;
    ~sleep_wait() {
        if (!yields() && task_ != nullptr) [[unlikely]]
            end_pause();
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        promise_base& p = promise_of(h);
        if (yields()) {
            task_ = &task_state_base::yield(p);
        } else {
            pause(p);
        }
    }
    [[nodiscard]] const cancel_ref* take_cancel() {
        return cancelled() ? task_->take_cancel() : nullptr;
    }

   protected:
    [[gnu::always_inline]] void resume() {
        if (cancelled()) [[unlikely]]
            task_->throw_cancel();
    }

   private:
    /// A bare yield takes a cancel that came meanwhile.
    [[nodiscard]] bool cancelled() const noexcept {
        return yields() ? task_->must_cancel != 0 : pause_.cancelled();
    }
    [[nodiscard]] bool yields() const noexcept { return delay_.nanoseconds().count() <= 0; }
    void pause(promise_base& p);
    // Inline, g++ 12 with the address sanitizer would warn of what the condition excludes.
    void end_pause() noexcept;

    union {
        timed_sleep pause_;  // made when it is awaited, unless it yields
    };
    // A yield needs these two. They come last, near the temporaries of the co_await, which g++ puts
    // behind the awaiter: a yield writes to one cache line less.
    task_state_base* task_ = nullptr;  // set when it is awaited
    delay delay_;
};

template <class T>
class [[nodiscard(
    "sleep does nothing until it is awaited: co_await sleep(...)")]] sleep_awaiter final
    : public sleep_wait {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    sleep_awaiter(delay d, T result) : sleep_wait(d), result_(std::move(result)) {}
    sleep_awaiter(sleep_awaiter&&) = default;
    T await_resume() {
        resume();
        return std::move(result_);
    }

   private:
    T result_;
};

template <>
class [[nodiscard(
    "sleep does nothing until it is awaited: co_await sleep(...)")]] sleep_awaiter<void>
    final : public sleep_wait {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    using sleep_wait::sleep_wait;
    [[gnu::always_inline]] void await_resume() { resume(); }
};

}  // namespace detail

/// Pauses the current task for `d` while others run. Zero or less: for exactly one round. Always
/// suspends; a cancel ends it at once. Allocates nothing. Throws std::invalid_argument for a
/// duration that is not a number.
inline detail::sleep_awaiter<void> sleep(delay d) noexcept {
    return detail::sleep_awaiter<void>(d);
}
/// The same; gives `result`.
template <class T>
detail::sleep_awaiter<std::decay_t<T>> sleep(delay d, T&& result) {
    static_assert(!detail::is_fragile_aggregate<T>,
                  "g++ 12 destroys a braced temporary twice if it stands in one expression with "
                  "co_await: name the result first, or give its type a constructor");
    return detail::sleep_awaiter<std::decay_t<T>>(d, std::forward<T>(result));
}

}  // namespace asyncio
