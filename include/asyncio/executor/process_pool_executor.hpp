// process_pool_executor: processes that compute while the loop breathes.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/executor/executor.hpp"
#include "asyncio/executor/process_archive.hpp"
#include "asyncio/executor/process_call.hpp"
#include "asyncio/executor/process_errors.hpp"
#include "asyncio/executor/process_pool_base.hpp"
#include "asyncio/executor/wrap_future.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/future.hpp"

namespace asyncio {

/// How map() divides its work.
struct process_map_options {
    /// So many items go in one call. 0: as many as give each process several calls.
    std::size_t chunk_size = 0;
    process_call_options call{};  ///< for each of these calls
};

namespace detail {

template <class F, class... Args>
concept callable_when_sent = std::is_invocable_v<sent_as_t<F>&, sent_as_t<Args>...>;

/// Checks a call that is to be made in another process, with messages that name the fix.
template <class F, class... Args>
constexpr bool check_process_call() {
    if constexpr (declares_awaitable<F>) {
        static_assert(!declares_awaitable<F>,
                      "a process runs plain callables: await a coroutine or task with co_await");
        return false;
    } else if constexpr (!sendable<sent_as_t<F>>) {
        check_sendable<sent_as_t<F>>();
        return false;
    } else if constexpr (!(sendable<sent_as_t<Args>> && ...)) {
        (check_sendable<sent_as_t<Args>>(), ...);
        return false;
    } else if constexpr (!callable_when_sent<F, Args...>) {
        static_assert(callable_when_sent<F, Args...>,
                      "the callable cannot be called with these arguments (the process has copies, "
                      "which are moved into the call, and strings as std::string: take values, and "
                      "return what has changed)");
        return false;
    } else {
        using result = job_result_t<sent_as_t<F>, sent_as_t<Args>...>;
        if constexpr (awaitable<result>) {
            static_assert(!awaitable<result>,
                          "this callable returns a coroutine, which another process cannot run for "
                          "you: send a function that calls asyncio::run(...) there");
            return false;
        } else if constexpr (!std::is_void_v<result> && !sendable<result>) {
            check_sendable<result>();
            return false;
        } else {
            return true;
        }
    }
}

/// The result of a call that was refused, so that the compiler complains about nothing else.
template <class F, class... Args>
constexpr auto process_result() {
    if constexpr (callable_when_sent<F, Args...>) {
        return std::type_identity<job_result_t<sent_as_t<F>, sent_as_t<Args>...>>();
    } else {
        return std::type_identity<void>();
    }
}
template <class F, class... Args>
using process_result_t = typename decltype(process_result<F, Args...>())::type;

template <class F>
concept not_call_options = !std::same_as<std::remove_cvref_t<F>, process_call_options>;

/// Runs in the worker.
template <class R, class F, class... Args>
void run_process_call(process_job& job) {
    F f{};
    std::tuple<Args...> arguments;
    {
        process_reader from(job.arguments());
        receive(from, f);
        std::apply([&]([[maybe_unused]] Args&... each) { (receive(from, each), ...); }, arguments);
        from.finish();
    }
    job.begin();
    const auto call = [&f](Args&... each) -> decltype(auto) {
        return detail::invoke(f, std::move(each)...);
    };
    if constexpr (std::is_void_v<R>) {
        std::apply(call, arguments);
        job.end();
        job.reply(0);
    } else {
        const R result = std::apply(call, arguments);
        job.end();
        process_writer counter;
        send(counter, result);
        process_writer to(job.reply(counter.size()), counter.size());
        send(to, result);
    }
}

/// The place of a call's result.
template <class R>
class process_call_state final : public concurrent_state<R>, public process_call {
   public:
    using process_call::process_call;

   private:
    concurrent_state_base& state() noexcept override { return *this; }
    void drop_work() noexcept override { this->drop(); }
    void read_result([[maybe_unused]] std::span<const char> bytes) override {
        if constexpr (!std::is_void_v<R>) {
            process_reader from(bytes);
            R result{};
            receive(from, result);
            from.finish();
            this->emplace(std::move(result));
        }
    }
};

/// Serialises the call and hands it over. `loop`: who awaits it, or null.
template <class F, class... Args>
auto start_process_call(const std::shared_ptr<process_pool>& pool, event_loop* loop,
                        const process_call_options& options, const F& f, const Args&... args) {
    using result = process_result_t<F, Args...>;
    auto* call = new process_call_state<result>(pool, options);
    concurrent_future<result> future{ref<concurrent_state_base>(call)};
    const auto write = [&](process_writer& to) {
        send(to, f);
        (send(to, args), ...);
    };
    process_writer counter;
    write(counter);
    char* const room =
        call->request(&run_process_call<result, sent_as_t<F>, sent_as_t<Args>...>, counter.size());
    process_writer to(room, counter.size());
    write(to);
    call->start(loop);
    return future;
}

}  // namespace detail

/// Makes calls in processes of its own, first come first served: for work that needs a core and may
/// crash, run away or be killed without harm. A call is a function, or a callable without captures,
/// with arguments; both travel as bytes and so does the result, large ones through shared memory.
/// Any thread may use it. It is no asyncio::executor, because a job of those cannot be sent.
///
/// Make it before the program starts a thread (to_thread and getaddrinfo start some): it forks a
/// small server, and that forks the processes when there is work for them. Each is a copy of this
/// process as it was when the pool was made; files stay open in it, sockets do not. No context
/// variables go along. Static objects are not destroyed there. None outlives this process.
class process_pool_executor final : public process_pool_base {
   public:
    using process_pool_base::process_pool_base;

    /// Sends f(args...) to a process and gives a future for threads; inside a coroutine use
    /// loop.run_in_executor(&pool, f, args...). Arguments are serialised now. What f throws comes
    /// back: standard and registered types as themselves, others as remote_error. A process that
    /// ends during the call fails it with broken_process_pool. Cancelling the future kills the
    /// call (see process_call_options). The first call starts a thread, which brings the results.
    /// Throws queue_full, std::length_error for arguments over the limit, std::invalid_argument for
    /// a function in no loaded module, std::runtime_error after shutdown() and in a forked child.
    template <detail::not_call_options F, class... Args>
    auto submit(F&& f, Args&&... args) {
        return start(nullptr, call_options(), f, args...);
    }
    /// The same with limits of its own: submit({.cpu_time = 2s}, f, args...).
    template <class F, class... Args>
    auto submit(process_call_options options, F&& f, Args&&... args) {
        return start(nullptr, options, f, args...);
    }

    /// Calls f(item) for each item, several items to a process at a time, and gives a coroutine of
    /// the results in the items' order (of nothing, if f gives nothing). Calls
    /// progress(done, total) on the loop as items get done. The first error in that order ends it,
    /// and so does a cancel: calls that run are killed. At most two calls per process are on their
    /// way. The pool outlives it. Await it on a loop.
    template <class F, class T, class Progress = std::nullptr_t>
    [[nodiscard]] auto map(F&& f, std::vector<T> items, process_map_options options = {},
                           Progress&& progress = nullptr);

   private:
    friend class event_loop;
    template <class F, class... Args>
    auto start(event_loop* loop, const process_call_options& options, const F& f,
               const Args&... args) {
        if constexpr (detail::check_process_call<F, Args...>()) {
            detail::check_not_null(f);
            return detail::start_process_call(pool(), loop, options, f, args...);
        } else {
            return concurrent_future<detail::process_result_t<F, Args...>>();
        }
    }
};

template <std::same_as<process_pool_executor> Pool, class F, class... Args>
auto event_loop::run_in_executor(Pool* pool, process_call_options options, F&& f, Args&&... args) {
    check_usable("run_in_executor");
    if constexpr (detail::check_process_call<F, Args...>()) detail::check_temporaries<F, Args...>();
    return detail::wrap_on(*this, pool->start(this, options, f, args...), {});
}

template <std::same_as<process_pool_executor> Pool, class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, process_call_options>)
auto event_loop::run_in_executor(Pool* pool, F&& f, Args&&... args) {
    return run_in_executor(pool, pool->call_options(), std::forward<F>(f),
                           std::forward<Args>(args)...);
}

}  // namespace asyncio
