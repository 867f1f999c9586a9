// with: Python's `async with`. One mechanism for everything that has an end to be awaited.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

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
    std::exception_ptr error;
    std::optional<std::conditional_t<std::is_void_v<R>, char, R>> result;
    try {
        if constexpr (std::is_void_v<R>) {
            co_await call_body(body, x);
        } else {
            result.emplace(co_await call_body(body, x));
        }
    } catch (...) {
        error = std::current_exception();
    }
    bool handled = false;
    using exit_result = decltype(call_exit(x, error));
    if constexpr (awaitable<exit_result>) {
        if constexpr (std::is_same_v<await_result_t<exit_result>, bool>) {
            handled = co_await call_exit(x, error);
        } else {
            co_await call_exit(x, error);
        }
    } else if constexpr (std::is_same_v<exit_result, bool>) {
        handled = call_exit(x, error);
    } else {
        call_exit(x, error);
    }
    if (error && !(handled && std::is_void_v<R>)) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<R>) co_return std::move(*result);
}

}  // namespace detail

/// Enters `context`, awaits body(context) (or body()), and leaves the context whatever happened:
/// normally, by an exception, or by a cancel. Gives what the body gives. A named context stays the
/// caller's and must outlive the wait; a temporary one is moved in. The body is kept until the end;
/// on g++ 12 name a body whose captures own something.
template <class X, class F>
    requires detail::async_context<std::remove_reference_t<X>>
[[nodiscard]] auto with(X&& context, F&& body) {
    using context_type = std::conditional_t<std::is_lvalue_reference_v<X>, X, std::decay_t<X>>;
    using body_result = decltype(detail::call_body(body, context));
    static_assert(awaitable<body_result>,
                  "with(context, body): the body must be a coroutine: "
                  "[&](auto& x) -> asyncio::coroutine<> { ... }");
    using result = await_result_t<body_result>;
    return detail::run_with<std::conditional_t<std::is_void_v<result>, void, std::decay_t<result>>,
                            context_type, std::decay_t<F>>(std::forward<X>(context),
                                                           std::forward<F>(body));
}

}  // namespace asyncio
