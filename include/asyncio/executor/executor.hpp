// executor: where functions run that would block the loop. Thread pools implement it; so can you.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncio/base/context.hpp"
#include "asyncio/base/delay.hpp"
#include "asyncio/base/function.hpp"
#include "asyncio/base/temporaries.hpp"
#include "asyncio/executor/concurrent_future.hpp"
#include "asyncio/loop/handle.hpp"
#include "asyncio/task/awaitable.hpp"

namespace asyncio {

/// A piece of work that an executor was given. Call it once, on any thread. It throws nothing: what
/// the work throws reaches whoever waits for it. Dropping it uncalled cancels the wait. Move-only.
class executor_job {
   public:
    explicit executor_job(detail::ref<detail::concurrent_state_base> work) noexcept
        : work_(std::move(work)) {}
    executor_job(executor_job&&) noexcept = default;
    executor_job& operator=(executor_job&& o) noexcept {
        drop();
        work_ = std::move(o.work_);
        return *this;
    }
    ~executor_job() { drop(); }

    /// Runs the work, unless it was cancelled. A second call does nothing.
    void operator()() noexcept;
    /// Nobody waits any more: calling it would do nothing.
    [[nodiscard]] bool cancelled() const noexcept {
        return work_ && work_->status() == detail::concurrent_status::cancelled;
    }

   private:
    void drop() noexcept;
    detail::ref<detail::concurrent_state_base> work_;
};

/// What happens to work that has not begun when its executor shuts down.
enum class pending_jobs : unsigned char {
    run,     ///< it still runs
    cancel,  ///< it is dropped, and who waits for it gets cancelled_error
};

/// How an executor shuts down.
struct executor_shutdown_options {
    delay timeout = delay::forever();  ///< how long to wait for the threads; 0: do not
    pending_jobs pending = pending_jobs::run;
};

namespace detail {

/// What f(args...) gives in a thread: a value, because the call's own references are gone by then.
template <class F, class... Args>
using job_result_t = std::decay_t<decltype(detail::invoke(std::declval<std::decay_t<F>&>(),
                                                          std::declval<std::decay_t<Args>>()...))>;

template <class F, class... Args>
concept callable_with = std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...>;
template <class F, class... Args>
concept job_for_thread = callable_with<F, Args...> && !awaitable<job_result_t<F, Args...>>;

/// Checks what is to run in a thread, with messages that name the fix.
template <class F, class... Args>
constexpr void check_job() {
    if constexpr (declares_awaitable<F>) {
        static_assert(!declares_awaitable<F>,
                      "a thread runs plain callables: await a coroutine or task with co_await, or "
                      "start it with create_task(...)");
    } else if constexpr (!callable_with<F, Args...>) {
        static_assert(
            callable_with<F, Args...>,
            "the callable cannot be called with these arguments (they are stored by "
            "value and moved into the call; use std::ref to refer to something that "
            "outlives the call); perhaps it was called already? Pass the function and its "
            "arguments: to_thread(f, x)");
    } else {
        static_assert(job_for_thread<F, Args...>,
                      "this callable returns a coroutine, which a thread cannot run: call it with "
                      "co_await or create_task(f, args...), or from another thread with "
                      "run_coroutine_threadsafe(loop, f, args...)");
    }
}

/// What the caller of a refused job expects, so that the compiler complains about nothing else.
template <class F, class... Args>
constexpr auto refused_result() {
    if constexpr (awaitable<F>) {
        return std::type_identity<std::decay_t<await_result_t<F>>>();
    } else if constexpr (callable_with<F, Args...>) {
        return std::type_identity<std::decay_t<await_result_t<job_result_t<F, Args...>>>>();
    } else {
        return std::type_identity<void>();
    }
}
template <class F, class... Args>
using refused_result_t = typename decltype(refused_result<F, Args...>())::type;

template <class T>
concept has_call_operator = requires { &T::operator(); };

/// For functions that give something to be awaited.
template <class F, class... Args>
constexpr void check_temporaries() {
    static_assert(!is_fragile_temporary<F>,
                  "g++ 12 destroys a temporary lambda with captures twice if it stands in one "
                  "expression with co_await: name the callable first and pass the name (auto job = "
                  "[...] {...}; co_await to_thread(job)), or pass what it captures as arguments");
    static_assert(!(is_fragile_aggregate<Args> || ...),
                  "g++ 12 destroys a braced temporary twice if it stands in one expression with "
                  "co_await: name the argument first and pass the name, or give its type a "
                  "constructor");
    static_assert(!((is_fragile_temporary<Args> && has_call_operator<Args>) || ...),
                  "g++ 12 destroys a temporary lambda with captures twice if it stands in one "
                  "expression with co_await: name the argument first and pass the name");
}

/// A callable with its arguments and its context, and the place of its result.
template <class R, class F, class... Args>
class work_state final : public concurrent_state<R> {
   public:
    template <class G, class... A>
    explicit work_state(G&& f, A&&... args)
        : context_(context_ref::copy_current()),
          call_(std::in_place, std::forward<G>(f), std::forward<A>(args)...) {}

   private:
    void run_work() noexcept override {
        std::exception_ptr error;
        try {
            const context_scope scope(context_);
            call();
        } catch (...) {
            error = std::current_exception();
        }
        drop_work();
        this->finish(std::move(error));
    }
    void drop_work() noexcept override {
        call_.reset();
        context_ = {};
    }
    void call() {
        std::apply(
            [&](F& f, Args&... args) {
                if constexpr (std::is_void_v<R>) {
                    detail::invoke(f, std::move(args)...);
                } else {
                    this->emplace(detail::invoke(f, std::move(args)...));
                }
            },
            *call_);
    }
    context_ref context_;
    std::optional<std::tuple<F, Args...>> call_;
};

}  // namespace detail

/// Runs functions elsewhere: a thread pool, or under simulation the loop itself at a time of its
/// choosing. Implement execute() and shutdown() for one of your own. Any thread may use it.
class executor {
   public:
    executor() = default;
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() = default;

    /// Hands f(args...) over and gives a future for threads; inside a coroutine use
    /// loop.run_in_executor(). Callable and arguments are decay-copied and moved into the call; the
    /// context goes along as a copy. Throws what execute() throws.
    template <class F, class... Args>
    auto submit(F&& f, Args&&... args) {
        detail::check_job<F, Args...>();
        if constexpr (detail::job_for_thread<F, Args...>) {
            detail::check_not_null(f);
            using result = detail::job_result_t<F, Args...>;
            using state = detail::work_state<result, std::decay_t<F>, std::decay_t<Args>...>;
            const detail::ref<detail::concurrent_state_base> work(
                new state(std::forward<F>(f), std::forward<Args>(args)...));
            concurrent_future<result> future(work);
            execute(executor_job(work));
            return future;
        } else {
            return concurrent_future<detail::refused_result_t<F, Args...>>();
        }
    }

    /// Takes a job over, to call it once, later or at once. Throws std::runtime_error after
    /// shutdown(), and what the system throws if it cannot run it.
    virtual void execute(executor_job job) = 0;
    /// Takes no more jobs and waits for those that run, and for those that wait unless they are
    /// cancelled. Gives how many threads (or processes) had not ended in time; they go on, and the
    /// executor may be destroyed. Again: waits again.
    virtual std::size_t shutdown(executor_shutdown_options options = {}) = 0;
};

}  // namespace asyncio
