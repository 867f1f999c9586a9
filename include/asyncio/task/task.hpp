// task<T>: a coroutine that the loop runs; a future and a coroutine in one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/task/context.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/future.hpp"
#include "asyncio/task/to_coroutine.hpp"

namespace asyncio {

/// How a task is made.
struct task_options {
    std::string_view name{};   ///< empty: "Task-1", "Task-2", ...
    bool eager_start = false;  ///< run to the first suspension inside create_task, unless 256 such
                               ///< starts are under way, one inside the other
    const asyncio::context* context =
        nullptr;  ///< run in this context instead of a copy of the creator's
};

/// One await of a task's stack.
struct stack_frame {
    std::string_view function;   ///< as the compiler names it
    std::source_location where;  ///< the co_await it is at; line 0 if it has not awaited anything
};

namespace detail {

template <class T>
class task_state final : public value_state<T, task_state_base> {
   public:
    using value_state<T, task_state_base>::value_state;
    [[gnu::always_inline]] ~task_state() override {}

   private:
    void destroy() noexcept override {
        if (!this->is_spent()) [[unlikely]] {
            destroy_the_rest(this);
            return;
        }
        // LIFETIME: the value is all that has something to destroy; the memory goes back without
        // the destructors of the bases, which write to it and would find nothing else.
        this->drop_value();
        loop_core& l = *this->loop;
        deallocate(this, sizeof(*this));
        l.release();
    }
    [[gnu::noinline, gnu::cold]] static void destroy_the_rest(task_state* t) noexcept { delete t; }
    void take_result([[maybe_unused]] promise_base& base) override {
        if constexpr (!std::is_void_v<T>) this->emplace(static_cast<promise<T>&>(base).take());
    }
};

[[nodiscard]] std::vector<stack_frame> stack_of(const task_state_base& t);
[[noreturn]] void throw_no_loop(const char* operation);
/// The loop that runs in this thread.
[[nodiscard]] inline event_loop& loop_for(const char* operation) {
    if (running_loop == nullptr) [[unlikely]]
        throw_no_loop(operation);
    return static_cast<event_loop&>(*running_loop);
}

}  // namespace detail

/// A coroutine scheduled on a loop, and the future of its result. The loop keeps it alive until it
/// is done, so the handle may be dropped. Made by create_task. The loop's thread.
template <class T = void>
class task : public future<T> {
   public:
    task() noexcept = default;
    explicit task(detail::ref<detail::future_state_base> state) noexcept
        : future<T>(std::move(state)) {}
    /// A task<> can hold any task; awaiting it gives nothing.
    template <class U>
        requires std::is_void_v<T> && (!std::is_void_v<U>)
    task(const task<U>& other) noexcept : future<T>(other.state()) {}

    /// A task cannot be set: its coroutine does that. By hand: loop.create_future<T>().
    template <class... U>
    void set_result(U&&...) const = delete;  // a task's result is set by its coroutine
    template <class... U>
    void set_exception(U&&...) const = delete;  // a task's result is set by its coroutine

    /// The name given at creation, or "Task-N".
    [[nodiscard]] std::string get_name() const { return self().name(); }
    void set_name(std::string_view name) const { self().set_name(name); }
    /// How many cancel requests were made and not taken back.
    [[nodiscard]] std::uint32_t cancelling() const { return self().cancelling; }
    /// Takes one cancel request back; the last one clears a cancel that was not delivered yet.
    /// Gives what is left.
    std::uint32_t uncancel() const { return self().uncancel(); }
    /// Where it stands: the awaits from its own coroutine to the innermost one. Empty once it is
    /// done.
    [[nodiscard]] std::vector<stack_frame> get_stack() const { return detail::stack_of(self()); }
    /// The same as text.
    void print_stack(std::FILE* out = stderr) const {
        const std::string text = detail::format_stack(self());
        std::fwrite(text.data(), 1, text.size(), out);
    }

   private:
    detail::task_state_base& self() const {
        return static_cast<detail::task_state_base&>(*this->checked());
    }
};

namespace detail {

template <class T>
inline constexpr bool is_future_v<task<T>> = true;

/// The task of a callable (or an argument) that g++ 12 destroys twice if it is made in the
/// expression that awaits the task. It can be kept; awaiting it on the spot does not compile.
template <class T>
class fresh_task : public task<T> {
   public:
    using asyncio_to_be_named = void;
    using task<T>::task;
    fresh_task() noexcept = default;
    explicit fresh_task(task<T> t) noexcept : task<T>(std::move(t)) {}
};
template <class T>
inline constexpr bool is_future_v<fresh_task<T>> = true;

/// `t` as create_task(f, args...) returns it.
template <class F, class... Args, class T>
auto task_of_call(task<T> t) {
    // What the library returns to be awaited has constructors, and is safe.
    if constexpr ((is_fragile_temporary<F> && !declares_awaitable<F>) ||
                  (is_fragile_argument<Args> || ...)) {
        return fresh_task<T>(std::move(t));
    } else {
        return t;
    }
}

/// The task of a coroutine, which is not queued yet.
template <class T>
[[gnu::always_inline]] inline ref<future_state_base> new_task(event_loop& loop, coroutine<T>&& c,
                                                              std::source_location where) {
    const auto frame = coroutine_access::take(c);
    try {
        loop.check_usable("create_task");
        return ref<future_state_base>::adopt(new task_state<T>(loop, frame.promise(), where));
    } catch (...) {
        frame.destroy();
        throw;
    }
}

/// Starts a coroutine as a task on `loop`.
template <class T>
[[gnu::always_inline]] inline task<T> make_task(event_loop& loop, coroutine<T>&& c,
                                                std::source_location where) {
    auto state = new_task(loop, std::move(c), where);
    loop.schedule(static_cast<task_state_base&>(*state));
    return task<T>(std::move(state));
}
template <class T>
task<T> make_task(event_loop& loop, coroutine<T>&& c, const task_options& options,
                  std::source_location where) {
    auto state = new_task(loop, std::move(c), where);
    auto& t = static_cast<task_state_base&>(*state);
    try {
        if (!options.name.empty()) t.set_name(options.name);
        if (options.context != nullptr) t.share_context(options.context->cell());
    } catch (...) {
        t.drop();
        throw;
    }
    t.start(options.eager_start);
    return task<T>(std::move(state));
}

/// The same on the running loop. What cannot start is closed, without the report.
template <class T>
[[gnu::always_inline]] inline event_loop& loop_to_start(coroutine<T>& c) {
    if (running_loop == nullptr) [[unlikely]]
        c.close();
    return loop_for("create_task");
}
template <class T>
[[gnu::noinline]] task<T> make_task_slowly(coroutine<T>&& c, std::source_location where) {
    return make_task(loop_to_start(c), std::move(c), where);
}
template <class T>
task<T> make_task(coroutine<T>&& c, std::source_location where) {
    // The usual case calls no function, so that no register has to be saved.
    loop_core* const loop = running_loop;
    if (loop != nullptr && !loop->closed && !loop->debug && c.valid()) [[likely]] {
        if (void* const memory = allocate_at_once(sizeof(task_state<T>))) [[likely]] {
            auto* const t =
                ::new (memory) task_state<T>(*loop, coroutine_access::take(c).promise(), where);
            loop->ready.push(*t);  // it runs: no host waits for it
            return task<T>(ref<future_state_base>::adopt(t));
        }
    }
    return make_task_slowly(std::move(c), where);
}

/// create_task(a, {.name = "x"}): the braces are options, unless they are an argument of `a`.
template <class A>
concept takes_options_last =
    !is_coroutine<A> && !std::is_same_v<std::remove_cvref_t<A>, task_options> &&
    !std::is_invocable_v<std::decay_t<A>&, task_options>;

/// Starts f(args...), or an awaitable, on `loop` (null: the running one).
template <class F, class... Args>
auto start_task(event_loop* loop, const task_options* options, F&& f, Args&&... args) {
    auto c = to_coroutine(std::forward<F>(f), std::forward<Args>(args)...);
    event_loop& on = loop != nullptr ? *loop : loop_to_start(c);
    return task_of_call<F, Args...>(options != nullptr ? make_task(on, std::move(c), *options, {})
                                                       : make_task(on, std::move(c), {}));
}

}  // namespace detail

/// Starts a coroutine as a task of the running loop: it begins in the next round, in the order of
/// creation, and runs whenever the others wait. Throws std::runtime_error outside a loop; the
/// coroutine is then destroyed. The safe form for callables keeps the callable and its arguments
/// alive: create_task(f, args...).
template <class T>
task<T> create_task(coroutine<T>&& c, detail::caller at = std::source_location::current()) {
    return detail::make_task(std::move(c), at.where);
}
/// The same with options: create_task(c(), {.name = "worker"}).
template <class T>
task<T> create_task(coroutine<T>&& c, task_options options,
                    std::source_location where = std::source_location::current()) {
    return detail::make_task(detail::loop_to_start(c), std::move(c), options, where);
}
template <detail::takes_options_last A>
auto create_task(A&& a, task_options options) {
    return detail::start_task(nullptr, &options, std::forward<A>(a));
}
/// Starts anything else that the library returns to be awaited, or f(args...), where f returns a
/// coroutine. The callable and the arguments are decay-copied into the task; use std::ref for a
/// deliberate reference.
template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, task_options>)
auto create_task(F&& f, Args&&... args) {
    return detail::start_task(nullptr, nullptr, std::forward<F>(f), std::forward<Args>(args)...);
}
/// The same with options, which come first because the arguments are last.
template <class F, class... Args>
    requires(!detail::is_coroutine<F>)
auto create_task(task_options options, F&& f, Args&&... args) {
    return detail::start_task(nullptr, &options, std::forward<F>(f), std::forward<Args>(args)...);
}

/// A future or task as it is; anything else that can be awaited becomes a task of the running loop.
template <awaitable A>
auto ensure_future(A&& a, std::source_location where = std::source_location::current()) {
    if constexpr (detail::is_future_v<std::remove_cvref_t<A>>) {
        return future<typename std::remove_cvref_t<A>::value_type>(std::forward<A>(a));
    } else {
        auto t = detail::make_task(detail::to_coroutine(std::forward<A>(a)), where);
        return future<typename decltype(t)::value_type>(std::move(t));
    }
}

/// The task that runs now; an empty handle inside plain callbacks. Throws std::runtime_error if no
/// loop runs.
[[nodiscard]] task<> current_task();
/// The loop's tasks that are not done, oldest first. Null: the running loop.
[[nodiscard]] std::vector<task<>> all_tasks(event_loop* loop = nullptr);

template <class T>
task<T> event_loop::create_task(coroutine<T>&& c, detail::caller at) {
    return detail::make_task(*this, std::move(c), at.where);
}
template <class T>
task<T> event_loop::create_task(coroutine<T>&& c, task_options options,
                                std::source_location where) {
    return detail::make_task(*this, std::move(c), options, where);
}
template <class A>
auto event_loop::create_task(A&& a, task_options options) {
    if constexpr (detail::takes_options_last<A>)
        return detail::start_task(this, &options, std::forward<A>(a));
    else  // a callable whose argument it is
        return detail::start_task(this, nullptr, std::forward<A>(a), std::move(options));
}
template <class F, class... Args>
auto event_loop::create_task(F&& f, Args&&... args) {
    return detail::start_task(this, nullptr, std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
auto event_loop::create_task(task_options options, F&& f, Args&&... args) {
    return detail::start_task(this, &options, std::forward<F>(f), std::forward<Args>(args)...);
}

template <class Awaitable>
auto event_loop::run_until_complete(Awaitable&& aw, std::source_location where) {
    check_can_run();
    auto f = [&] {
        if constexpr (detail::is_future_v<std::remove_cvref_t<Awaitable>>) {
            return future<typename std::remove_cvref_t<Awaitable>::value_type>(
                std::forward<Awaitable>(aw));
        } else {
            auto t =
                detail::make_task(*this, detail::to_coroutine(std::forward<Awaitable>(aw)), where);
            return future<typename decltype(t)::value_type>(std::move(t));
        }
    }();
    if (!f.valid()) detail::throw_empty_future();
    run_until_done(*f.state());
    return std::move(f).result();
}

}  // namespace asyncio
