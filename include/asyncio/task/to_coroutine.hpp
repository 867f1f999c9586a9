// A coroutine of anything that can become a task: another awaitable, or a callable with arguments.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/task/awaitable.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/foreign.hpp"
#include "asyncio/task/future.hpp"

namespace asyncio::detail {

template <class A>
inline constexpr bool is_future_v = false;
template <class T>
inline constexpr bool is_future_v<future<T>> = true;

/// Something to be awaited as a coroutine of its own.
template <class A>
coroutine<std::decay_t<await_result_t<A>>> as_coroutine(A a) {
    co_return co_await std::move(a);
}

/// `a` to be awaited by a coroutine that stands in its place.
template <class A>
decltype(auto) in_its_place(A&& a) {
    if constexpr (is_coroutine<std::remove_cvref_t<A>>)
        return stand_in<typename A::value_type>(std::move(a));
    else
        return std::forward<A>(a);
}

/// Runs a callable, and keeps it and its arguments alive. It is called in the expression that
/// awaits: so do temporaries live that the arguments are converted to.
template <class R, class F, class... Args>
coroutine<R> call_owned(F f, Args... args) {
    co_return co_await in_its_place(f(std::move(args)...));
}
template <class R, class F, class Target, class... Args>
    requires std::is_member_pointer_v<F>
coroutine<R> call_owned(F f, Target target, Args... args) {
    co_return co_await in_its_place((target_of(f, std::move(target)).*f)(std::move(args)...));
}

template <class F, class... Args>
constexpr void check_task_callable() {
    if constexpr (std::is_convertible_v<F, std::string_view>) {
        static_assert(!sizeof(std::remove_reference_t<F>*),
                      "create_task takes a coroutine, or a callable and its arguments; a name goes "
                      "into the options: create_task(c(), {.name = \"worker\"})");
    } else if constexpr (std::is_arithmetic_v<std::remove_cvref_t<F>>) {
        static_assert(
            !sizeof(F*),
            "create_task takes a coroutine, or a callable that returns one; not a number");
    } else if constexpr (awaitable<F>) {
        static_assert(!awaitable<F>,
                      "beside a coroutine, or what else can be awaited, create_task takes options, "
                      "in braces: create_task(c(), {.name = \"worker\"})");
    } else if constexpr (is_coroutine<std::remove_cvref_t<F>>) {
        static_assert(!is_coroutine<std::remove_cvref_t<F>>,
                      "a coroutine becomes a task once: write create_task(std::move(c))");
    } else {
        static_assert(
            std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...>,
            "create_task(f, args...), run(f, args...): the callable cannot be called with "
            "these arguments (they are stored by value and moved into the call; use "
            "std::ref to refer to something that outlives the task)");
        if constexpr (std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...>)
            static_assert(awaitable<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>,
                          "create_task(f, args...), run(f, args...): the callable must return a "
                          "coroutine; a plain function runs with call_soon, or with to_thread if "
                          "it blocks");
    }
}

/// What a task of `f(args...)` or of an awaitable results in.
template <class F, class... Args>
using call_result_t =
    std::decay_t<await_result_t<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>>;

/// A coroutine of anything that can become a task: a coroutine, another awaitable, or a callable
/// with arguments.
template <class F, class... Args>
auto to_coroutine(F&& f, Args&&... args) {
    if constexpr (sizeof...(Args) == 0 && is_coroutine<F>) {
        return std::move(f);
    } else if constexpr (sizeof...(Args) == 0 && is_future_v<std::remove_cvref_t<F>>) {
        check_named<F>();
        using type = future<typename std::remove_cvref_t<F>::value_type>;
        return as_coroutine<type>(type(std::forward<F>(f)));
    } else if constexpr (sizeof...(Args) == 0 && awaitable<F>) {
        return as_coroutine<std::decay_t<F>>(std::forward<F>(f));
    } else {
        check_task_callable<F, Args...>();
        if constexpr (requires { typename call_result_t<F, Args...>; }) {
            check_not_null(f);
            using result =
                await_result_t<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>;
            return call_owned<
                std::conditional_t<std::is_void_v<result>, void, std::decay_t<result>>,
                std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(f),
                                                        std::forward<Args>(args)...);
        } else {
            return as_coroutine<std::suspend_never>(std::suspend_never{});
        }
    }
}

}  // namespace asyncio::detail
