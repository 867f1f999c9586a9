// wait_for: a limit on one awaitable. as_outcome: how it ended, as a value.
#pragma once

#include <type_traits>
#include <utility>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/outcome.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/task/native.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

template <class A>
class [[nodiscard("nothing waits until it is awaited: co_await wait_for(...)")]] wait_for_awaiter {
    using held = held_awaiter<A>;

   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    wait_for_awaiter(A&& a, delay limit) : awaited_(std::forward<A>(a)), limit_(limit) {}
    wait_for_awaiter(wait_for_awaiter&& o) : awaited_(std::move(o.awaited_)), limit_(o.limit_) {}

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        if (awaited_.get().await_ready()) return false;
        if (limit_.is_forever()) return awaited_.suspend(h);
        task_state_base& t = *h.promise().task;
        if (limit_.nanoseconds().count() <= 0 && is_coroutine<A>) {
            never_started_ = true;
            return false;
        }
        core_.enter(t);
        limited_ = true;
        core_.set_deadline(limit_.after(t.loop->now()));
        return awaited_.suspend(h);
    }
    typename held::result await_resume() {
        if (never_started_) throw timeout_error();
        if (!limited_) return awaited_.get().await_resume();
        try {
            if constexpr (std::is_void_v<typename held::result>) {
                awaited_.get().await_resume();
                (void)core_.leave(false);
            } else {
                typename held::result value = awaited_.get().await_resume();
                (void)core_.leave(false);
                return static_cast<typename held::result&&>(value);
            }
        } catch (const cancelled_error&) {
            if (core_.leave(true)) throw timeout_error();
            throw;
        } catch (...) {
            (void)core_.leave(false);
            throw;
        }
    }

   private:
    held awaited_;
    timeout_core core_;
    delay limit_;
    bool limited_ = false;
    bool never_started_ = false;
};

template <class A>
class [[nodiscard("nothing waits until it is awaited: co_await as_outcome(...)")]] outcome_awaiter {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    explicit outcome_awaiter(A&& a) : awaited_(std::forward<A>(a)) {}
    outcome_awaiter(outcome_awaiter&&) = default;

    bool await_ready() { return awaited_.get().await_ready(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        return awaited_.suspend(h);
    }
    auto await_resume() { return awaited_.resume_outcome(); }

   private:
    held_awaiter<A> awaited_;
};

}  // namespace detail

/// Awaits `aw` for at most `limit`; then cancels it, waits until it has ended, and throws
/// timeout_error. A coroutine runs in the caller's task. A result that was ready in time is never
/// lost. Zero or less: a future that is done gives its result, a coroutine is not started.
/// std::nullopt: no limit. A cancel of the caller reaches `aw`. A value that `aw` gives although it
/// was cancelled is given; another exception of its clean-up is thrown.
template <awaitable A>
auto wait_for(A&& aw, delay limit) {
    return detail::wait_for_awaiter<std::decay_t<A>>(std::decay_t<A>(std::forward<A>(aw)), limit);
}

/// Awaits `aw` and gives how it ended; throws nothing of an error, a timeout or a cancel. A cancel
/// of the caller that reaches `aw` is in the outcome, too: the caller decides.
template <awaitable A>
auto as_outcome(A&& aw) {
    return detail::outcome_awaiter<std::decay_t<A>>(std::decay_t<A>(std::forward<A>(aw)));
}

}  // namespace asyncio
