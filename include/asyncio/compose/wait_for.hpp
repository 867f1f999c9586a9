// wait_for: a limit on one awaitable. timeout is the same for a block.
#pragma once

#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "asyncio/base/delay.hpp"
#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/task/native.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

/// A named future: it keeps its result, of which awaiting gives a reference, as co_await does.
template <class T>
class kept_future {
   public:
    explicit kept_future(const future<T>& f) : future_(f) {}
    future_ref_awaiter<T> operator co_await() const { return future_.operator co_await(); }

   private:
    future<T> future_;
};

template <class A>
inline constexpr bool is_kept_future = false;
template <class T>
inline constexpr bool is_kept_future<kept_future<T>> = true;

/// What wait_for() holds for an argument that was deduced as A.
template <class A>
struct waited_for {
    using type = std::decay_t<A>;
};
template <class A>
    requires is_future_v<std::remove_cvref_t<A>>
struct waited_for<A&> {
    using type = kept_future<typename std::remove_cvref_t<A>::value_type>;
};

template <class A>
class [[nodiscard("nothing waits until it is awaited: co_await wait_for(...)")]] wait_for_awaiter {
    using held = held_awaiter<A>;

   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    wait_for_awaiter(A&& a, delay limit, std::source_location where)
        : awaited_(std::forward<A>(a)), limit_(limit) {
        core_.where = where;
    }
    wait_for_awaiter(wait_for_awaiter&& o) : awaited_(std::move(o.awaited_)), limit_(o.limit_) {
        core_.where = o.core_.where;
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        if (awaited_.start().await_ready()) return false;
        if (limit_.is_forever()) return awaited_.suspend(h);
        task_state_base& t = *promise_of(h).task;
        core_.enter(t);
        const bool no_time = limit_.nanoseconds().count() <= 0;
        if (no_time && !is_future_v<A> && !is_kept_future<A>) {
            // It is not started, but the others run for a round, as they would if it were.
            what_ = stage::not_started;
            task_state_base::yield(promise_of(h));
            return true;
        }
        what_ = stage::limited;
        if (no_time) {
            // A future, which is cancelled before anything else runs.
            const bool waits = awaited_.suspend(h);
            if (waits) core_.expired();
            return waits;
        }
        const time_point now = t.loop->now();
        core_.set_deadline(limit_.after(now), now);
        try {
            return awaited_.suspend(h);
        } catch (...) {
            core_.disarm_if_armed();
            throw;
        }
    }
    typename held::result await_resume() {
        if (what_ == stage::unlimited) return awaited_.get().await_resume();
        if (std::exception_ptr e = cancelled()) [[unlikely]]
            std::rethrow_exception(std::move(e));
        try {
            if constexpr (std::is_void_v<typename held::result>) {
                awaited_.get().await_resume();
                (void)core_.leave(nullptr);
            } else {
                typename held::result value = awaited_.get().await_resume();
                (void)core_.leave(nullptr);
                return static_cast<typename held::result&&>(value);
            }
        } catch (...) {
            std::rethrow_exception(core_.leave(std::current_exception()));
        }
    }
    auto resume_outcome() {
        using how = decltype(awaited_.resume_outcome());
        if (what_ == stage::unlimited) return awaited_.resume_outcome();
        if (std::exception_ptr e = cancelled()) return how(std::move(e));
        how ended = awaited_.resume_outcome();
        const std::exception_ptr before = ended.exception();
        std::exception_ptr e = core_.leave(before);
        if (e != before) return how(std::move(e));
        return ended;
    }

   private:
    /// What it ends with if a cancel has ended what it limits, or nothing was started; else null.
    std::exception_ptr cancelled() {
        if (what_ == stage::not_started) return core_.in_vain();
        const cancel_ref* why = awaited_.take_cancel();
        if (why == nullptr) return nullptr;
        return core_.leave(make_cancelled(*why));
    }
    enum class stage : unsigned char { unlimited, limited, not_started };
    held awaited_;
    timeout_core core_;
    delay limit_;
    stage what_ = stage::unlimited;
};

}  // namespace detail

/// Awaits `aw` for at most `limit`; then cancels it, waits until it has ended, and throws
/// timeout_error. A coroutine runs in the caller's task. A result that was ready in time is never
/// lost. Zero or less: a future that is done gives its result, one that is not is cancelled, and
/// nothing else is started unless it is ready at once. std::nullopt: no limit. A cancel of the
/// caller reaches `aw`. A value that `aw` gives although it was cancelled is given; another
/// exception of its clean-up is thrown. Of a named future it gives a reference to the result, as
/// co_await does.
template <awaitable A>
auto wait_for(A&& aw, delay limit, std::source_location where = std::source_location::current()) {
    detail::check_named<A>();
    detail::check_can_keep<A>();
    using held = typename detail::waited_for<A>::type;
    return detail::wait_for_awaiter<held>(held(std::forward<A>(aw)), limit, where);
}

}  // namespace asyncio
