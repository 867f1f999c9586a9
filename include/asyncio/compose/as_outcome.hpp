// as_outcome: how something ended, as a value.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "asyncio/base/outcome.hpp"
#include "asyncio/task/native.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

template <class A>
class [[nodiscard("nothing waits until it is awaited: co_await as_outcome(...)")]] outcome_awaiter {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    explicit outcome_awaiter(A&& a) : awaited_(std::forward<A>(a)) {}
    outcome_awaiter(outcome_awaiter&&) = default;

    bool await_ready() { return awaited_.start().await_ready(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        return awaited_.suspend(h);
    }
    auto await_resume() { return awaited_.resume_outcome(); }

   private:
    held_awaiter<A> awaited_;
};

/// What a function that keeps what it awaits accepts: something to move, or to copy.
template <class A>
constexpr void check_can_keep() {
    static_assert(std::is_constructible_v<std::decay_t<A>, A>,
                  "this awaitable cannot be copied: give it away with std::move");
}

}  // namespace detail

/// Awaits `aw` and gives how it ended; throws nothing of an error, a timeout or a cancel. A cancel
/// of the caller that reaches `aw` is in the outcome, too: the caller decides. A named future keeps
/// its result, which is copied.
template <awaitable A>
auto as_outcome(A&& aw) {
    detail::check_named<A>();
    detail::check_can_keep<A>();
    if constexpr (std::is_lvalue_reference_v<A> && detail::is_future_v<std::remove_cvref_t<A>>) {
        using T = typename std::remove_cvref_t<A>::value_type;
        static_assert(
            std::is_void_v<T> || std::is_reference_v<T> || detail::copyable<T>::value,
            "the result of a named future is copied into its outcome, and this one cannot "
            "be copied: write as_outcome(std::move(f))");
    }
    return detail::outcome_awaiter<std::decay_t<A>>(std::decay_t<A>(std::forward<A>(aw)));
}

}  // namespace asyncio
