// future<T>: a value that will be set. The default of everything that can be awaited.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncio/base/outcome.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio {

template <class T>
class future;

namespace detail {

/// The value beside the erased state. Base: future_state_base, or task_state_base for a task's.
template <class T, class Base>
class value_state : public Base {
   public:
    using stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

    template <class... Args>
    explicit value_state(Args&&... args) : Base(std::forward<Args>(args)..., true) {}
    value_state(const value_state&) = delete;
    value_state& operator=(const value_state&) = delete;
    [[gnu::always_inline]] ~value_state() override { drop_value(); }
    void drop_value() noexcept {
        if constexpr (has_destructor)
            if (this->must_destroy) std::destroy_at(std::addressof(value_));
    }
    template <class... U>
    void emplace(U&&... value) {
        if constexpr (std::is_reference_v<T>) {
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::addressof(value)...);
        } else {
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::forward<U>(value)...);
        }
        if constexpr (has_destructor) this->must_destroy = true;
    }
    [[nodiscard]] stored& value() noexcept { return value_; }

   private:
    static constexpr bool has_destructor = !std::is_trivially_destructible_v<stored>;
    union {
        stored value_;
    };
};

/// No value: nothing beside the erased state.
template <class Base>
class value_state<void, Base> : public Base {
   public:
    template <class... Args>
    explicit value_state(Args&&... args) : Base(std::forward<Args>(args)..., false) {}
    value_state(const value_state&) = delete;
    value_state& operator=(const value_state&) = delete;
    [[gnu::always_inline]] ~value_state() override {}
    void drop_value() noexcept {}
};

template <class T>
using future_state = value_state<T, future_state_base>;

template <class T>
decltype(auto) stored_value(future_state_base& s) noexcept {
    auto& v = s.is_task ? static_cast<value_state<T, task_state_base>&>(s).value()
                        : static_cast<value_state<T, future_state_base>&>(s).value();
    if constexpr (std::is_reference_v<T>) {
        return (*v);
    } else {
        return (v);
    }
}

/// Whether T can be copied. Containers say so also of elements that cannot be.
template <class T>
struct copyable : std::is_copy_constructible<T> {};
template <class T>
    requires(!std::is_same_v<typename T::value_type, T>) && requires(T& t) { t.begin(); }
struct copyable<T> : std::bool_constant<std::is_copy_constructible_v<T> &&
                                        copyable<typename T::value_type>::value> {};
template <class... T>
struct copyable<std::tuple<T...>> : std::bool_constant<(copyable<T>::value && ...)> {};
template <class A, class B>
struct copyable<std::pair<A, B>> : std::bool_constant<copyable<A>::value && copyable<B>::value> {};
template <class T>
struct copyable<std::optional<T>> : copyable<T> {};
template <class T>
struct copyable<outcome<T>> : copyable<T> {};
template <>
struct copyable<outcome<void>> : std::true_type {};

[[noreturn]] void throw_shared_move();

/// The value for somebody who gives his handle away: moved if nobody but his `own` references is
/// left, else copied.
template <class T>
T extract_value(future_state_base& s, std::uint32_t own = 1) {
    if constexpr (std::is_void_v<T>) {
        return;
    } else if constexpr (std::is_reference_v<T>) {
        return stored_value<T>(s);
    } else if constexpr (copyable<T>::value) {
        if (s.refs() > own) return stored_value<T>(s);
        return std::move(stored_value<T>(s));
    } else {
        if (s.refs() > own) throw_shared_move();
        return std::move(stored_value<T>(s));
    }
}

/// Waits for a future. The wait is the future's: cancelling the waiting task cancels the future.
class future_wait : public wait_node, public done_node {
   public:
    explicit future_wait(ref<future_state_base> f) noexcept : state_(std::move(f)) {}
    future_wait(future_wait&& o) noexcept : wait_node(o), state_(std::move(o.state_)) {}

    [[nodiscard]] bool await_ready() const noexcept { return state_->done(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }
    [[nodiscard]] const cancel_ref* take_cancel() noexcept {
        if (!given_up_ && state_->status != future_status::cancelled) return nullptr;
        cancel_delivered();
        return given_up_ ? &task_->cancel_why : &state_->cancel_why;
    }

   protected:
    ~future_wait() = default;
    [[gnu::always_inline]] void check_awaited() {
        if (!has_value()) [[unlikely]]
            std::rethrow_exception(to_throw());
    }
    [[nodiscard]] bool has_value() const noexcept { return state_->status == future_status::value; }
    /// What it ends with instead of a value.
    [[nodiscard]] std::exception_ptr failure();
    ref<future_state_base> state_;

   private:
    [[nodiscard]] std::exception_ptr to_throw();
    void cancel_delivered() noexcept {
        if (task_ != nullptr) task_->must_cancel = 0;  // several requests, one exception
    }
    void suspend(promise_base& p);
    void future_done(future_state_base&) noexcept override { task_->wake(); }
    bool cancel_wait(task_state_base&, const cancel_ref& why) noexcept override {
        return state_->cancel(why);
    }
    [[nodiscard]] std::string describe() const override;
    [[nodiscard]] const task_state_base* owner() const noexcept override;
    [[nodiscard]] task_state_base* awaited_task() const noexcept override;
    void break_cycle() noexcept override;
    task_state_base* task_ = nullptr;
    bool given_up_ = false;
};

/// `co_await f` of an lvalue: the shared result.
template <class T>
class future_ref_awaiter final : public future_wait {
   public:
    using asyncio_awaiter = void;
    using future_wait::future_wait;
    [[gnu::always_inline]] std::add_lvalue_reference_t<T> await_resume() {
        check_awaited();
        if constexpr (!std::is_void_v<T>) return stored_value<T>(*state_);
    }
};

/// `co_await std::move(f)`: the result itself.
template <class T>
class future_awaiter final : public future_wait {
   public:
    using asyncio_awaiter = void;
    using future_wait::future_wait;
    [[gnu::always_inline]] T await_resume() {
        check_awaited();
        return extract_value<T>(*state_);
    }
    outcome<T> resume_outcome() {
        if (!has_value()) {
            if (const cancel_ref* why = take_cancel()) return outcome<T>(was_cancelled{*why});
            return outcome<T>(failure());
        }
        if constexpr (std::is_void_v<T>) {
            return outcome<T>(std::in_place);
        } else {
            return outcome<T>(std::in_place, extract_value<T>(*state_));
        }
    }
};

/// A user's callback on a future: it runs through the ready queue with a handle on the future.
class done_callback_base : public handle_state, public done_node {
   public:
    done_callback_base(loop_core& loop, std::uint64_t callback_id) noexcept
        : handle_state(loop), id_(callback_id) {
        set_what("a done callback");
    }
    void future_done(future_state_base& f) noexcept override;

   protected:
    ref<future_state_base> done_future_;

   private:
    void future_dropped() noexcept override { release(); }
    [[nodiscard]] std::uint64_t callback_id() const noexcept override { return id_; }
    std::uint64_t id_;
};

template <class T, class F>
class done_callback final : public done_callback_base {
   public:
    template <class G>
    done_callback(loop_core& loop, std::uint64_t callback_id, G&& f)
        : done_callback_base(loop, callback_id), f_(std::forward<G>(f)) {}

   private:
    void invoke() override { static_cast<void>(f_(future<T>(std::move(done_future_)))); }
    [[nodiscard]] callable_name name() const noexcept override { return name_of(f_); }
    F f_;
};

std::uint64_t next_callback_id() noexcept;
void add_callback(future_state_base& f, ref<done_callback_base> callback);
std::size_t remove_callback(future_state_base& f, std::uint64_t id) noexcept;
[[nodiscard]] cancel_ref cancel_request(std::string_view message, std::source_location where);
[[noreturn]] void throw_empty_future();
[[noreturn]] void throw_forgotten_type();

}  // namespace detail

/// A shared handle on a value that will be set: copies refer to the same future. Made by
/// loop.create_future() or by what the library returns. Asking for the result too early throws
/// invalid_state_error. The loop's thread.
template <class T = void>
class future {
   public:
    using asyncio_awaitable = void;
    using value_type = T;

    /// An empty handle; everything but assigning to it throws invalid_state_error.
    future() noexcept = default;
    explicit future(detail::ref<detail::future_state_base> state) noexcept
        : state_(std::move(state)) {}
    /// A future<> can hold any future; awaiting it gives nothing.
    template <class U>
        requires std::is_void_v<T> && (!std::is_void_v<U>)
    future(const future<U>& other) noexcept : state_(other.state()) {}

    /// Waits for the result and gives a reference to it; throws what was set, or cancelled_error.
    /// Suspends only while it is pending. A cancel of the waiting task cancels this future;
    /// shield() protects it.
    detail::future_ref_awaiter<T> operator co_await() const& {
        return detail::future_ref_awaiter<T>(checked());
    }
    /// The same for a handle that is given away: the result is moved out if it was the last handle,
    /// else copied.
    detail::future_awaiter<T> operator co_await() && {
        (void)checked();
        return detail::future_awaiter<T>(std::move(state_));
    }

    /// The result. Throws invalid_state_error while pending, the error that was set, or
    /// cancelled_error.
    std::add_lvalue_reference_t<T> result() const& {
        checked()->check_value();
        if constexpr (!std::is_void_v<T>) return detail::stored_value<T>(*state_);
    }
    T result() && {
        checked()->check_value();
        return detail::extract_value<T>(*state_);
    }
    /// The error that was set, or null. Throws invalid_state_error while pending, cancelled_error
    /// if cancelled.
    [[nodiscard]] std::exception_ptr exception() const { return checked()->get_exception(); }

    /// Sets the result, once; throws invalid_state_error if it is done. Waiters run in the next
    /// round.
    template <class U = T>
        requires(!std::is_void_v<T>)
    void set_result(U&& value) const {
        static_assert(std::is_constructible_v<T, U&&>,
                      "set_result takes a value of the future's type");
        checked()->require_pending("set_result");
        static_cast<detail::future_state<T>&>(*state_).emplace(std::forward<U>(value));
        state_->finish(detail::future_status::value);
    }
    void set_result() const
        requires std::is_void_v<T>
    {
        checked()->require_pending("set_result");
        if (state_->has_type) detail::throw_forgotten_type();
        state_->finish(detail::future_status::value);
    }
    /// Sets an error, once. Null throws std::invalid_argument.
    void set_exception(std::exception_ptr e) const {
        checked()->require_pending("set_exception");
        state_->set_exception(std::move(e));
    }
    /// The same for an exception object.
    template <class E>
        requires(!std::is_convertible_v<E, std::exception_ptr>)
    void set_exception(E e) const {
        set_exception(std::make_exception_ptr(std::move(e)));
    }

    /// True once it has a result or an error, or was cancelled.
    [[nodiscard]] bool done() const { return checked()->done(); }
    /// True if it ended cancelled; false while a cancel is on its way.
    [[nodiscard]] bool cancelled() const {
        return checked()->status == detail::future_status::cancelled;
    }
    /// Cancels it: its waiters get cancelled_error with `message`. False if it is done already.
    bool cancel(std::string_view message = {},
                std::source_location where = std::source_location::current()) const {
        checked()->check_thread("cancel");
        return state_->cancel(detail::cancel_request(message, where));
    }

    /// Calls f(future) through call_soon once it is done (also if it is done already), in the order
    /// of registration and with the context of now. The id is for remove_done_callback.
    template <class F>
    std::uint64_t add_done_callback(F&& f) const {
        static_assert(!detail::declares_awaitable<F>,
                      "a done callback must be a callable, not a coroutine or task");
        static_assert(
            std::is_invocable_v<std::decay_t<F>&, future<T>>,
            "a done callback is called with the future: write [](asyncio::future<T> f) { ... }");
        if constexpr (std::is_invocable_v<std::decay_t<F>&, future<T>>)
            static_assert(
                !detail::declares_awaitable<std::invoke_result_t<std::decay_t<F>&, future<T>>>,
                "this callable returns a coroutine, which nobody would await: create the task in "
                "the callback, with create_task(f, args...)");
        detail::check_not_null(f);
        using callback = detail::done_callback<T, std::decay_t<F>>;
        detail::future_state_base& state = *checked();
        state.check_thread("add_done_callback");
        const std::uint64_t id = detail::next_callback_id();
        detail::add_callback(state, detail::ref<detail::done_callback_base>(
                                        new callback(*state.loop, id, std::forward<F>(f))));
        return id;
    }
    /// How many callbacks were removed: 1, or 0 if the id is unknown or the callback was scheduled.
    std::size_t remove_done_callback(std::uint64_t id) const {
        return detail::remove_callback(*checked(), id);
    }
    /// The loop it belongs to.
    [[nodiscard]] event_loop& get_loop() const {
        return static_cast<event_loop&>(*checked()->loop);
    }

    /// False for an empty handle.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
    /// The same future?
    friend bool operator==(const future& a, const future& b) noexcept {
        return a.state_ == b.state_;
    }
    /// For the library.
    [[nodiscard]] const detail::ref<detail::future_state_base>& state() const& noexcept {
        return state_;
    }
    /// The same of a handle that is given away.
    [[nodiscard]] detail::ref<detail::future_state_base> state() && noexcept {
        return std::move(state_);
    }

   protected:
    const detail::ref<detail::future_state_base>& checked() const {
        if (!state_) detail::throw_empty_future();
        return state_;
    }
    detail::ref<detail::future_state_base> state_;
};

template <class T>
future<T> event_loop::create_future(std::source_location where) {
    return future<T>(
        detail::ref<detail::future_state_base>(new detail::future_state<T>(*this, false, where)));
}

}  // namespace asyncio
