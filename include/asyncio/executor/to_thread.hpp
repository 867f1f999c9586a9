// to_thread and run_in_executor: blocking calls out of the loop's thread.
#pragma once

#include <type_traits>
#include <utility>

#include "asyncio/executor/executor.hpp"
#include "asyncio/executor/wrap_future.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/future.hpp"

namespace asyncio {

namespace detail {

/// The job is the operation: it owns the callable and the arguments, never the frame that waits.
template <class F, class... Args>
auto start_job(event_loop& loop, executor* pool, F&& f, Args&&... args) {
    loop.check_usable("run_in_executor");
    executor& where = pool != nullptr ? *pool : loop.default_executor();
    return wrap_on(loop, where.submit(std::forward<F>(f), std::forward<Args>(args)...), {});
}

template <class R, class F, class... Args>
coroutine<R> call_in_thread(F f, Args... args) {
    future<R> result = start_job(get_running_loop(), nullptr, std::move(f), std::move(args)...);
    co_return co_await std::move(result);
}

template <class R>
coroutine<R> refused_call();

}  // namespace detail

template <class F, class... Args>
auto event_loop::run_in_executor(executor* pool, F&& f, Args&&... args) {
    detail::check_job<F, Args...>();
    detail::check_temporaries<F, Args...>();
    if constexpr (detail::job_for_thread<F, Args...>) {
        return detail::start_job(*this, pool, std::forward<F>(f), std::forward<Args>(args)...);
    } else {
        return future<detail::refused_result_t<F, Args...>>();
    }
}

/// Calls f(args...) in a thread of the loop's default executor and gives the result; throws what it
/// throws. Nothing runs before it is awaited. Callable and arguments are stored by value and moved
/// into the call (std::ref to refer); context variables go along as a copy. A cancel ends the wait
/// at once: a call that has not begun is dropped, one that runs goes on, and its result is
/// discarded. The callable must not touch the loop or its futures, but for call_soon_threadsafe and
/// run_coroutine_threadsafe.
template <class F, class... Args>
auto to_thread(F&& f, Args&&... args) {
    detail::check_job<F, Args...>();
    detail::check_temporaries<F, Args...>();
    if constexpr (detail::job_for_thread<F, Args...>) {
        detail::check_not_null(f);
        using result = detail::job_result_t<F, Args...>;
        return detail::call_in_thread<result, std::decay_t<F>, std::decay_t<Args>...>(
            std::forward<F>(f), std::forward<Args>(args)...);
    } else {
        return detail::refused_call<detail::refused_result_t<F, Args...>>();
    }
}

}  // namespace asyncio
