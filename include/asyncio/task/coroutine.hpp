// coroutine<T>: what a function with co_await in it returns.
#pragma once

#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "asyncio/base/outcome.hpp"
#include "asyncio/task/promise.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio {

namespace detail {

struct coroutine_access;

/// Runs a child in its parent's task. Destroys the child with the full expression, or, if it is
/// kept elsewhere, when it dies itself; perhaps long after the parent.
template <class T>
class child_awaiter {
    using handle_type = std::coroutine_handle<promise<T>>;

   public:
    using asyncio_awaiter = void;
    explicit child_awaiter(handle_type child) noexcept : child_(child) {}
    child_awaiter(child_awaiter&& o) noexcept : child_(std::exchange(o.child_, nullptr)) {}
    child_awaiter& operator=(child_awaiter&&) = delete;
    [[gnu::always_inline]] ~child_awaiter() {
        if (child_) child_.destroy();
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        if (!child_) throw_awaited_twice();
        return start_child(promise_of(h), promise_of_child(), child_, &child_);
    }
    [[gnu::always_inline]] T await_resume() {
        check_result(leave());
        return promise_of_child().take();
    }
    /// The same without throwing what the child ended with.
    outcome<T> resume_outcome() {
        promise<T>& p = leave();
        if (p.exception) return outcome<T>(std::move(p.exception));
        if (!p.has_value) return outcome<T>(no_value_error(p));
        if constexpr (std::is_void_v<T>) {
            return outcome<T>(std::in_place);
        } else {
            return outcome<T>(std::in_place, p.take());
        }
    }

   protected:
    [[nodiscard]] std::source_location function() const { return promise_of_child().function; }

   private:
    /// The parent goes on.
    promise<T>& leave() noexcept {
        promise<T>& child = promise_of_child();
        child.parent->child = nullptr;
        return child;
    }
    [[nodiscard]] promise<T>& promise_of_child() const noexcept {
        return handle_type::from_address(child_.address()).promise();
    }
    std::coroutine_handle<> child_;  ///< null: moved from, or destroyed with its task
};

}  // namespace detail

/// A lazy coroutine: calling a function that returns one runs nothing. `co_await f()` runs it
/// inside the caller's task and pauses the caller until it is done; run(f()) and create_task(f())
/// make it a task. Move-only; it is awaited once, as an rvalue. Destroying one that was never
/// awaited is reported. The loop's thread once it runs.
///
/// Parameters are copied into the frame as they are declared: take them by value unless the caller
/// awaits the coroutine in place. A coroutine with an rvalue-reference parameter does not compile.
template <class T = void>
class [[nodiscard(
    "a coroutine runs nothing until it is awaited: co_await it, or give it to "
    "create_task")]] coroutine {
   public:
    using asyncio_awaitable = void;
    using value_type = T;
    using promise_type = detail::promise<T>;

    coroutine(coroutine&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
    coroutine& operator=(coroutine&& o) noexcept {
        if (this != &o) {
            if (handle_) discard();
            handle_ = std::exchange(o.handle_, nullptr);
        }
        return *this;
    }
    ~coroutine() {
        if (handle_) [[unlikely]]
            discard();
    }

    /// Runs it in the caller's task. Suspends only if the coroutine does. A cancel reaches what the
    /// coroutine awaits.
    detail::child_awaiter<T> operator co_await() && noexcept {
        return detail::child_awaiter<T>(std::exchange(handle_, nullptr));
    }
    /// Destroys it without running it, and without the report. Its arguments are destroyed.
    void close() noexcept {
        if (handle_) std::exchange(handle_, nullptr).destroy();
    }
    /// False once it was moved from, awaited or closed.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(handle_); }

   private:
    friend promise_type;
    friend struct detail::coroutine_access;
    explicit coroutine(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
    void discard() noexcept {
        detail::report_never_awaited(handle_.promise());
        close();
    }
    std::coroutine_handle<promise_type> handle_;
};

namespace detail {

/// Takes the frame out of a coroutine, for those that run it themselves.
struct coroutine_access {
    template <class T>
    static std::coroutine_handle<promise<T>> take(coroutine<T>& c) {
        if (!c.handle_) throw_awaited_twice();
        return std::exchange(c.handle_, nullptr);
    }
};

/// Awaits a coroutine in whose place the awaiting one stands: reports show the name of the former.
template <class T>
class stand_in final : public child_awaiter<T> {
   public:
    using asyncio_awaitable = void;
    explicit stand_in(coroutine<T> c) : child_awaiter<T>(coroutine_access::take(c)) {}
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        promise_of(h).function = this->function();
        return child_awaiter<T>::await_suspend(h);
    }
};

}  // namespace detail
}  // namespace asyncio

template <class T, class... Args>
struct std::coroutine_traits<asyncio::coroutine<T>, Args...> {
    static_assert(
        (!std::is_rvalue_reference_v<Args> && ...),
        "a coroutine cannot take an rvalue reference: the argument dies before the coroutine runs; "
        "take the parameter by value");
    using promise_type = asyncio::detail::promise<T>;
};
