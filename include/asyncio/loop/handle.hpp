// Callbacks: a callable with its arguments and its context, run once by the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncio/base/context.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/base/shared_count.hpp"
#include "asyncio/loop/ready_queue.hpp"
#include "asyncio/loop/timer_queue.hpp"

namespace asyncio {

class event_loop;

namespace detail {

class loop_core;

/// What reports can say about a callable: where a function's code is, or else its type, as the
/// compiler writes it: "... [with F = main()::<lambda()>]".
struct callable_name {
    const void* code;
    const char* with_type;
};

template <class F>
constexpr const char* with_type() noexcept {
    return std::source_location::current().function_name();
}
template <class F>
callable_name name_of(const F& f) noexcept {
    if constexpr (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>)
        return {reinterpret_cast<const void*>(f), nullptr};
    else
        return {nullptr, with_type<F>()};
}

/// The erased part of a callback. Counted atomically, because call_soon_threadsafe gives a handle
/// to another thread.
class handle_state : public ready_node, public timer_node, public pooled {
   public:
    explicit handle_state(loop_core& loop) noexcept
        : ready_node(&run_handle), loop_(loop), context_(context_ref::copy_current()) {}
    virtual ~handle_state() = default;

    void add_ref() noexcept { refs_.add(); }
    /// The same while nobody else knows it: spares the bus lock.
    void add_first_ref() noexcept { refs_.add_unshared(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }
    /// It will not run any more. A timer leaves the queue at once.
    void cancel() noexcept;
    // ORDER: relaxed; a cancel from another thread is a hint that may come too late.
    [[nodiscard]] bool cancelled() const noexcept {
        return cancelled_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] loop_core& loop() const noexcept { return loop_; }
    /// It will run in the next round. Harmless if it is queued already, as a reader's may be.
    void queue() noexcept;
    /// The same for one that nobody else knows.
    void queue_first() noexcept;
    /// What it is called in reports: "a callback", "a reader callback".
    void set_what(const char* what) noexcept { what_ = what; }
    /// What a timer queue calls that holds a reference.
    static void fire(timer_node& n, timer_event e) noexcept;
    /// How the ready queue tells callbacks from other nodes.
    static run_function runner() noexcept { return &run_handle; }

   protected:
    virtual void invoke() = 0;
    /// Nothing for the library's own.
    [[nodiscard]] virtual callable_name name() const noexcept { return {nullptr, nullptr}; }

   private:
    static void run_handle(ready_node& n);
    void run_protected();
    void report(const std::exception_ptr& e);
    [[nodiscard]] std::string describe() const;

    loop_core& loop_;
    context_ref context_;
    const char* what_ = "a callback";
    shared_count refs_;
    std::atomic<bool> cancelled_{false};
    bool queued_ = false;
};

template <class F, class... Args>
class bound_handle final : public handle_state {
   public:
    template <class G, class... A>
    bound_handle(loop_core& loop, G&& f, A&&... args)
        : handle_state(loop), f_(std::forward<G>(f)), args_(std::forward<A>(args)...) {}

   private:
    void invoke() override { std::apply(f_, args_); }
    [[nodiscard]] callable_name name() const noexcept override { return name_of(f_); }
    F f_;
    std::tuple<Args...> args_;
};

template <class T>
concept declares_awaitable = requires { typename std::remove_cvref_t<T>::asyncio_awaitable; };

/// Checks a callable for every function that takes (f, args...), with messages that name the fix.
template <class F, class... Args>
constexpr void check_callback() {
    static_assert(
        !declares_awaitable<F>,
        "a callback must be a callable; a coroutine or task is started with create_task(...)");
    if constexpr (!declares_awaitable<F>) {
        static_assert(std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>,
                      "the callable cannot be called with these arguments (they are stored by "
                      "value and passed as "
                      "lvalues; use std::ref to refer to something that outlives the call)");
        if constexpr (std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>)
            static_assert(
                !declares_awaitable<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>>,
                "this callable returns a coroutine, which nobody would await: use create_task(f, "
                "args...)");
    }
}

/// True for a null pointer and an empty std::function.
template <class F>
bool is_null(const F& f) {
    if constexpr (std::is_function_v<F> || (std::is_class_v<F> && std::is_empty_v<F>)) {
        return false;  // nor is a lambda null, though it converts to a pointer
    } else if constexpr (requires { f == nullptr; }) {
        return f == nullptr;
    } else {
        return false;
    }
}

template <class F>
void check_not_null(const F& f) {
    if (is_null(f))
        throw std::invalid_argument(
            "asyncio: the callback is null: pass a function that can be called");
}

template <class F, class... Args>
[[nodiscard]] ref<handle_state> make_handle(loop_core& loop, F&& f, Args&&... args) {
    check_callback<F, Args...>();
    if constexpr (std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>) {
        check_not_null(f);
        using bound = bound_handle<std::decay_t<F>, std::decay_t<Args>...>;
        auto* h = new bound(loop, std::forward<F>(f), std::forward<Args>(args)...);
        h->add_first_ref();
        return ref<handle_state>::adopt(h);
    } else {
        return {};
    }
}

}  // namespace detail

/// A callback that was given to the loop. Dropping the handle does not cancel it. The loop's
/// thread.
class handle {
   public:
    handle() noexcept = default;
    explicit handle(detail::ref<detail::handle_state> state) noexcept : state_(std::move(state)) {}
    /// The callback will not run, also when it is already in the ready queue. Harmless if it has
    /// run.
    void cancel() noexcept {
        if (state_) state_->cancel();
    }
    /// True once cancel() was called.
    [[nodiscard]] bool cancelled() const noexcept { return state_ && state_->cancelled(); }

   protected:
    detail::ref<detail::handle_state> state_;
};

/// A callback with a deadline.
class timer_handle : public handle {
   public:
    timer_handle() noexcept = default;
    timer_handle(detail::ref<detail::handle_state> state, time_point when) noexcept
        : handle(std::move(state)), when_(when) {}
    /// When it is due, on the loop's clock.
    [[nodiscard]] time_point when() const noexcept { return when_; }

   private:
    time_point when_{};
};

}  // namespace asyncio
