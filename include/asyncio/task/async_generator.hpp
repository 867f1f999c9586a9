// async_generator<T>: a coroutine that yields values one by one, and may await in between.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/base/temporaries.hpp"
#include "asyncio/task/promise.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio {

template <class T>
class async_generator;

/// Thrown at the co_yield of a generator that is closed, so that it can clean up. Let it pass, or
/// return; another co_yield is an error. Like Python's GeneratorExit it is no std::exception.
class generator_exit {};

namespace detail {

class generator_promise_base;

/// What outlives a generator's frame: everybody who has to do with it refers to this.
class generator_state final : public pooled, public list_hook {
   public:
    explicit generator_state(generator_promise_base& p) noexcept : frame(&p) {}
    generator_state(const generator_state&) = delete;
    generator_state& operator=(const generator_state&) = delete;
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) delete this;
    }
    /// The frame does not exist any more.
    void frame_is_gone() noexcept {
        frame = nullptr;
        unlink();
    }
    /// It has not started, stands at a co_yield, or has ended.
    void destroy_frame() noexcept;

    generator_promise_base* frame;  ///< null once it has ended
    /// What was yielded; it lives in the suspended frame.
    void* item = nullptr;
    std::exception_ptr thrown;   ///< what the co_yield throws when the generator goes on
    bool item_may_move = false;  ///< the frame does not need it any more
    bool running = false;        ///< somebody awaits it
    bool at_yield = false;

   private:
    ~generator_state() { destroy_frame(); }
    std::uint32_t refs_ = 0;
};

/// co_yield: hands control back to whoever awaits the generator.
class yield_awaiter {
   public:
    explicit yield_awaiter(generator_state& s) noexcept : state_(&s) {}
    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) noexcept {
        promise_base& p = h.promise();
        state_->at_yield = true;
        if (!p.inline_run) loop_of_turn->resume_next = p.parent->handle();
    }
    void await_resume() {
        if (state_->thrown) [[unlikely]]
            std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    }

   private:
    generator_state* state_;
};

class generator_promise_base : public promise_base {
   public:
    static std::suspend_always initial_suspend() noexcept { return {}; }
    static final_awaiter final_suspend() noexcept { return {}; }
    void return_void() noexcept { has_value = true; }

    /// Nobody refers to it any more; its frame is destroyed later.
    void orphan() noexcept { state_ = nullptr; }

   protected:
    ~generator_promise_base() {
        if (state_ != nullptr) state_->frame_is_gone();
    }
    ref<generator_state> make_state() {
        state_ = new generator_state(*this);
        return ref<generator_state>(state_);
    }
    yield_awaiter yielded(const void* item, bool may_move) noexcept {
        state_->item = const_cast<void*>(item);
        state_->item_may_move = may_move;
        return yield_awaiter(*state_);
    }

   private:
    generator_state* state_ = nullptr;
};

template <class T>
class generator_promise final : public generator_promise_base {
   public:
    async_generator<T> get_return_object(
        std::source_location at = std::source_location::current()) {
        function = at;
        check_frame();
        return async_generator<T>(make_state());
    }
    yield_awaiter yield_value(T&& item) noexcept {
        static_assert(!is_fragile_aggregate<T>,
                      "g++ 12 would destroy this temporary twice: name it first and write co_yield "
                      "item, or give its type a constructor");
        return yielded(std::addressof(item), true);
    }
    yield_awaiter yield_value(const T& item) noexcept
        requires std::is_copy_constructible_v<T>
    {
        return yielded(std::addressof(item), false);
    }
};

template <class T>
class generator_promise<T&> final : public generator_promise_base {
   public:
    async_generator<T&> get_return_object(
        std::source_location at = std::source_location::current()) {
        function = at;
        check_frame();
        return async_generator<T&>(make_state());
    }
    yield_awaiter yield_value(T& item) noexcept { return yielded(std::addressof(item), false); }
};

/// Runs a generator, in the task of whoever awaits this, up to its next co_yield or its end.
class generator_step {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    generator_step(generator_step&&) noexcept = default;
    generator_step& operator=(generator_step&&) = delete;

    [[nodiscard]] bool await_ready();
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        return start(h.promise());
    }

   protected:
    enum class kind : unsigned char { next, close, rethrow };
    generator_step(kind what, ref<generator_state> s, std::exception_ptr thrown = nullptr) noexcept
        : state_(std::move(s)), thrown_(std::move(thrown)), what_(what) {}
    ~generator_step() = default;
    /// True if it stands at a co_yield, false if it has ended. Throws what it ended with.
    bool finish();
    [[nodiscard]] generator_state& state() const noexcept { return *state_; }

   private:
    bool start(promise_base& parent);
    ref<generator_state> state_;
    std::exception_ptr thrown_;
    promise_base* parent_ = nullptr;
    kind what_;
};

/// A generator's item: std::optional<T>, or a pointer for an async_generator<T&>.
template <class T>
using generator_item = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*,
                                          std::optional<std::remove_reference_t<T>>>;

template <class T>
class [[nodiscard("a generator runs nothing until it is awaited: co_await gen.next()")]]
generator_next final : public generator_step {
   public:
    explicit generator_next(ref<generator_state> s) noexcept
        : generator_step(kind::next, std::move(s)) {}
    generator_next(ref<generator_state> s, std::exception_ptr e) noexcept
        : generator_step(kind::rethrow, std::move(s), std::move(e)) {}

    generator_item<T> await_resume() {
        if (!finish()) return {};
        if constexpr (std::is_reference_v<T>) {
            return static_cast<std::remove_reference_t<T>*>(state().item);
        } else {
            // LIFETIME: the item lives in the frame, which is suspended at its co_yield.
            auto* item = static_cast<T*>(state().item);
            if constexpr (std::is_copy_constructible_v<T>)
                if (!state().item_may_move) return std::optional<T>(std::as_const(*item));
            return std::optional<T>(std::move(*item));
        }
    }
};

class [[nodiscard("a generator is closed when this is awaited: co_await gen.aclose()")]]
generator_close final : public generator_step {
   public:
    explicit generator_close(ref<generator_state> s) noexcept
        : generator_step(kind::close, std::move(s)) {}
    void await_resume();
};

}  // namespace detail

/// A function with co_yield and co_await in its body. Calling it runs nothing; each
/// `co_await gen.next()` runs it, inside the caller's task, up to its next co_yield:
///
///     for (auto item = co_await gen.next(); item; item = co_await gen.next()) use(*item);
///
/// A cancel of the caller reaches what the body awaits and ends the generator unless the body
/// catches it; so does a limit in time around next(). Move-only. One await of it at a time. One
/// that is dropped before its end is destroyed where it stands: its locals are, and nothing in it
/// is awaited any more; aclose() lets it clean up first. What is still open when a run ends is
/// closed like that by the loop. Parameters as for coroutine<T>. The loop's thread once it runs.
template <class T>
class [[nodiscard("a generator runs nothing until its next() is awaited")]] async_generator {
    static_assert(!std::is_void_v<T> && !std::is_rvalue_reference_v<T> && !std::is_const_v<T>,
                  "an async_generator yields values or lvalue references");

   public:
    using promise_type = detail::generator_promise<T>;
    using value_type = T;
    using asyncio_generator = void;

    async_generator(async_generator&&) noexcept = default;
    async_generator& operator=(async_generator&&) noexcept = default;
    ~async_generator() = default;

    /// The next item, or nothing if the generator has ended: to be awaited, gives std::optional<T>;
    /// a pointer if T is a reference, valid until the generator goes on. Throws what the body
    /// throws, which ends it. Suspends only if the body does. std::runtime_error while another
    /// await of this generator runs.
    detail::generator_next<T> next() const { return detail::generator_next<T>(state_); }
    /// Throws `e` at the co_yield where it stands; then like next(). If it has not started: throws
    /// `e` and ends it. Nothing happens if it has ended.
    detail::generator_next<T> athrow(std::exception_ptr e) const {
        return detail::generator_next<T>(state_, std::move(e));
    }
    /// Ends it: throws generator_exit at the co_yield where it stands, and awaits the clean-up.
    /// Throws another exception of the clean-up, and std::runtime_error if it yields again. Nothing
    /// happens if it has ended, or not started.
    detail::generator_close aclose() const { return detail::generator_close(state_); }

    /// Not there: a range-for cannot await.
    template <class Self = async_generator>
    std::remove_reference_t<T>* begin() const {
        static_assert(!sizeof(Self),
                      "a range-for cannot await: write for (auto item = co_await g.next(); item; "
                      "item = co_await g.next()) use(*item);");
        return nullptr;
    }
    /// Not there either.
    [[nodiscard]] std::remove_reference_t<T>* end() const { return nullptr; }

   private:
    friend promise_type;
    explicit async_generator(detail::ref<detail::generator_state> s) noexcept
        : state_(std::move(s)) {}
    detail::ref<detail::generator_state> state_;
};

}  // namespace asyncio

template <class T, class... Args>
struct std::coroutine_traits<asyncio::async_generator<T>, Args...> {
    static_assert(
        (!std::is_rvalue_reference_v<Args> && ...),
        "a generator cannot take an rvalue reference: the argument dies before the generator runs; "
        "take the parameter by value");
    using promise_type = asyncio::detail::generator_promise<T>;
};
