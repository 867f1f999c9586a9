// with: Python's `async with`. One mechanism for everything that has an end to be awaited.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "asyncio/base/temporaries.hpp"
#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/sync/guard.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

/// What a context offers: enter(), and exit() or exit(error); each may be plain or return something
/// to be awaited. An exit that gives true has dealt with the error.
template <class X>
concept async_context = requires(X& x) {
    x.enter();
} && (requires(X& x) { x.exit(); } || requires(X& x, std::exception_ptr e) { x.exit(e); });

template <class X>
decltype(auto) call_exit(X& x, const std::exception_ptr& error) {
    if constexpr (requires { x.exit(error); }) {
        return x.exit(error);
    } else {
        return x.exit();
    }
}

template <class F, class X>
decltype(auto) call_body(F& body, X& x) {
    if constexpr (std::is_invocable_v<F&, X&>) {
        return body(x);
    } else {
        return body();
    }
}

/// What the body gives: nothing, a value, or a reference.
template <class F, class X>
using body_value_t = typename await_result_t<decltype(as_outcome(
    call_body(std::declval<F&>(), std::declval<X&>())))>::value_type;

[[noreturn]] void throw_no_value(const std::exception_ptr& handled);

/// X is a reference if the caller keeps the context.
template <class R, class X, class F>
coroutine<R> run_with(X context, F body) {
    auto& x = context;
    using enter_result = decltype(x.enter());
    if constexpr (awaitable<enter_result>) {
        co_await x.enter();
    } else {
        x.enter();
    }
    outcome<R> result{std::exception_ptr()};
    try {
        result = co_await as_outcome(call_body(body, x));
    } catch (...) {
        result = outcome<R>(std::current_exception());
    }
    bool handled = false;
    using exit_result = decltype(call_exit(x, result.exception()));
    if constexpr (awaitable<exit_result>) {
        if constexpr (std::is_same_v<await_result_t<exit_result>, bool>) {
            handled = co_await call_exit(x, result.exception());
        } else {
            co_await call_exit(x, result.exception());
        }
    } else if constexpr (std::is_same_v<exit_result, bool>) {
        handled = call_exit(x, result.exception());
    } else {
        call_exit(x, result.exception());
    }
    if (!result.has_value() && !handled) std::rethrow_exception(result.exception());
    if constexpr (!std::is_void_v<R>) {
        if (!result.has_value()) throw_no_value(result.exception());
        co_return std::move(result).value();
    }
}

/// The same for a lock and its like. It may be destroyed while the body runs: a guard knows.
template <class R, class X, class F>
    requires std::is_base_of_v<guarded, std::remove_reference_t<X>>
coroutine<R> run_with(X context, F body) {
    const auto held = co_await context.scoped_acquire();
    co_return co_await call_body(body, context);
}

}  // namespace detail

/// Enters `context`, awaits body(context) (or body()), and leaves the context whatever happened:
/// normally, by an exception, or by a cancel. Gives what the body gives. A context has enter() and
/// exit() or exit(std::exception_ptr), each plain or to be awaited; an exit that gives true has
/// dealt with the exception. A named context stays the caller's and must outlive the wait; a
/// temporary one is moved in. The body is kept until the end. On g++ 12 a body whose captures own
/// something is named first, which the compiler tells.
template <class X, class F>
    requires detail::async_context<std::remove_reference_t<X>>
[[nodiscard]] auto with(X&& context, F&& body) {
    static_assert(
        !(detail::is_fragile_temporary<X> && std::is_aggregate_v<X>),
        "g++ 12 would destroy this context twice: name it first, then with(context, body)");
    static_assert(
        !detail::is_fragile_temporary<F>,
        "g++ 12 would destroy this body twice: name it first, then with(context, body), or "
        "with(context, std::ref(body)) if it cannot be copied");
    using context_type = std::conditional_t<std::is_lvalue_reference_v<X>, X, std::decay_t<X>>;
    static_assert(std::is_invocable_v<F&, std::remove_reference_t<X>&> || std::is_invocable_v<F&>,
                  "with(context, body): the body takes the context by reference, or nothing: "
                  "[&](auto& x) -> asyncio::coroutine<> { ... }");
    static_assert(awaitable<decltype(detail::call_body(body, context))>,
                  "with(context, body): the body must be a coroutine: "
                  "[&](auto& x) -> asyncio::coroutine<> { ... }");
    using result = detail::body_value_t<std::decay_t<F>, std::remove_reference_t<X>>;
    return detail::run_with<result, context_type, std::decay_t<F>>(std::forward<X>(context),
                                                                   std::forward<F>(body));
}

}  // namespace asyncio
