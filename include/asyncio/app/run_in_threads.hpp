// run_in_threads: more cores. The same coroutine in several threads, each on a loop of its own.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/base/function.hpp"
#include "asyncio/executor/executor.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

/// How run_in_threads makes its threads.
struct thread_options {
    int threads = 0;  ///< how many; 0: as many as this machine has cores
    loop_options loop{};
};

namespace detail {

/// How many threads are meant. Throws std::invalid_argument for a negative number.
[[nodiscard]] std::size_t thread_count_of(const thread_options& options);
using thread_main = function<coroutine<>()>;
[[nodiscard]] coroutine<> run_threads(std::vector<thread_main> mains, loop_options options);

template <class F, class... Args>
coroutine<> call_for_thread(F f, Args... args) {
    co_await to_coroutine(std::move(f), std::move(args)...);
}

}  // namespace detail

/// Calls f(args...) in each of several new threads, on a loop of its own, and waits until all have
/// ended: `co_await run_in_threads({.threads = 4}, serve)`. Every thread has its own copies of the
/// callable and the arguments; what they refer to (std::ref) is shared and needs a lock. The first
/// error of a thread cancels the others; when they have ended it is thrown, and further errors are
/// told to the loop's exception handler. A cancel of the caller (Ctrl-C under run) cancels all of
/// them and is thrown when they have ended. Debug mode is the caller's. Throws
/// std::invalid_argument for a negative number of threads.
template <class F, class... Args>
[[nodiscard]] coroutine<> run_in_threads(thread_options options, F&& f, Args&&... args) {
    static_assert(!detail::declares_awaitable<F> && !std::is_arithmetic_v<std::decay_t<F>>,
                  "run_in_threads takes the function itself, which each thread calls: "
                  "run_in_threads({.threads = 2}, serve, args...)");
    detail::check_task_callable<F, Args...>();
    detail::check_temporaries<F, Args...>();
    std::vector<detail::thread_main> mains;
    if constexpr (std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...>) {
        detail::check_not_null(f);
        const std::size_t count = detail::thread_count_of(options);
        mains.reserve(count);
        while (mains.size() < count)
            mains.emplace_back([f = std::decay_t<F>(f), ... args = std::decay_t<Args>(args)] {
                return detail::call_for_thread<std::decay_t<F>, std::decay_t<Args>...>(f, args...);
            });
    }
    return detail::run_threads(std::move(mains), options.loop);
}

}  // namespace asyncio
