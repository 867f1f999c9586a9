// How the library awaits what it is given: as an awaiter of its own, held inside another awaiter.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "asyncio/base/outcome.hpp"
#include "asyncio/task/awaitable.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/foreign.hpp"

namespace asyncio::detail {

/// The native awaiter of `a`: its own, or one that brings a foreign awaiter back to the loop.
template <class A>
decltype(auto) native_awaiter_of(A&& a) {
    if constexpr (native_awaiter<decltype(find_awaiter(static_cast<A&&>(a)))>) {
        return find_awaiter(static_cast<A&&>(a));
    } else {
        return foreign_awaiter<A&&>(static_cast<A&&>(a));
    }
}

/// Owns something to be awaited and, once it is awaited, its awaiter. Movable until then.
template <class A>
class held_awaiter {
    using found = decltype(native_awaiter_of(std::declval<A>()));
    static constexpr bool is_own = std::is_reference_v<found>;  // the awaitable is its own awaiter
    struct nothing {};
    using stored = std::conditional_t<is_own, nothing, std::remove_cvref_t<found>>;

   public:
    using awaiter = std::remove_cvref_t<found>;
    using result = decltype(std::declval<awaiter&>().await_resume());

    explicit held_awaiter(A&& a) : awaited_(std::forward<A>(a)) {}
    held_awaiter(held_awaiter&& o) : awaited_(std::move(o.awaited_)) {}
    held_awaiter& operator=(held_awaiter&&) = delete;
    ~held_awaiter() {
        if (made_) std::destroy_at(std::addressof(awaiter_));
    }

    /// The awaiter, for the one time that it is awaited; from now on the holder stays where it is.
    awaiter& start() {
        if (std::exchange(started_, true)) throw_awaited_twice();
        return get();
    }
    /// The same awaiter, later.
    awaiter& get() {
        if constexpr (is_own) {
            return awaited_;
        } else {
            if (!made_) {
                ::new (static_cast<void*>(std::addressof(awaiter_)))
                    stored(native_awaiter_of(std::move(awaited_)));
                made_ = true;
            }
            return awaiter_;
        }
    }
    /// await_suspend in the one form that says whether it suspended.
    template <class P>
    bool suspend(std::coroutine_handle<P> h) {
        if constexpr (std::is_void_v<decltype(get().await_suspend(h))>) {
            get().await_suspend(h);
            return true;
        } else {
            return get().await_suspend(h);
        }
    }
    /// The reason of the cancel that the wait ended with, in place of await_resume(), which would
    /// throw it. Null: there is none, or the awaiter cannot say.
    const cancel_ref* take_cancel() {
        if constexpr (requires { get().take_cancel(); })
            return get().take_cancel();
        else
            return nullptr;
    }
    /// await_resume as a value, if the awaiter can do so without throwing; else with a catch.
    auto resume_outcome() {
        using value =
            std::conditional_t<std::is_lvalue_reference_v<result>, result, std::decay_t<result>>;
        if constexpr (requires { get().resume_outcome(); }) {
            return get().resume_outcome();
        } else {
            if (const cancel_ref* why = take_cancel()) return outcome<value>(was_cancelled{*why});
            try {
                if constexpr (std::is_void_v<result>) {
                    get().await_resume();
                    return outcome<value>(std::in_place);
                } else {
                    return outcome<value>(std::in_place, get().await_resume());
                }
            } catch (...) {
                return outcome<value>(std::current_exception());
            }
        }
    }

   private:
    A awaited_;
    union {
        stored awaiter_;
    };
    bool made_ = false;
    bool started_ = false;
};

}  // namespace asyncio::detail
