// The frame's own part of every coroutine: who awaits it, whom it awaits, where, and how it ended.
//
// Awaiting a child never touches the loop. The parent resumes the child inside await_suspend; if
// the child ends at once, the parent goes on as if it had called a function. If the child suspends,
// the parent is suspended too, and a child that ends later hands the parent to the step's
// trampoline:
//
//      step:  h = where the task stopped;  do { h.resume(); h = take(next); } while (h)
//
// So the native stack stays flat in every build mode, without relying on tail calls. Every 64th
// level of a chain starts through the trampoline as well, which bounds the stack of deep recursion.
#pragma once

#include <bit>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include "asyncio/base/config.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/base/temporaries.hpp"
#include "asyncio/task/awaitable.hpp"

namespace asyncio::detail {

class task_state_base;
class promise_base;
template <class A>
class foreign_awaiter;

#if ASYNCIO_GCC12
/// The frame that this thread allocated last; see promise_base::check_frame.
extern ASYNCIO_THREAD_LOCAL void* last_frame;
[[noreturn]] void refuse_broken_frame(std::source_location function);
#endif

/// The address of the code around it.
[[gnu::always_inline]] inline const void* current_instruction() noexcept {
    const void* pc = nullptr;
#if defined(__x86_64__)
    asm volatile("leaq 0(%%rip), %0" : "=r"(pc));
#elif defined(__aarch64__)
    asm volatile("adr %0, ." : "=r"(pc));
#endif
    return pc;
}

/// Remembers the stack of an exception that leaves its first frame.
void note_exception(promise_base& p) noexcept;

class promise_base {
   public:
    promise_base() noexcept {}
    promise_base(const promise_base&) = delete;
    promise_base& operator=(const promise_base&) = delete;

    std::source_location function;  ///< its name; the line is not reliable
    std::source_location where;     ///< the co_await it is at, or was at last
    // Before it starts, the two links tell where the coroutine was made (a generator's tell
    // nothing).
    union {
        promise_base* parent;    ///< who awaits it; null: the task itself
        const void* created_by;  ///< where the call returns to
    };
    union {
        promise_base* child;     ///< whom it awaits
        const void* created_in;  ///< an instruction of the call itself, for calls that were inlined
    };
    task_state_base* task = nullptr;  ///< the task in which it runs
    /// Once it has started as somebody's child: his handle on it, to be told if it is destroyed
    /// before he is. Null: he finds out himself.
    std::coroutine_handle<>* owner;
    std::exception_ptr exception;  ///< what it ended with
    std::uint32_t depth = 0;       ///< 0: the task's own coroutine
    bool started = false;
    bool inline_run = false;  ///< it runs inside its parent's await_suspend
    bool has_value = false;   ///< it ended with a value, or with nothing if it gives none
    bool unused = false;      // so that one store sets them all, and the depth

    [[nodiscard]] std::coroutine_handle<> handle() noexcept {
        // LIFETIME: the promise lives in its frame; the address is the frame's for every alignment
        // up to 16.
        return std::coroutine_handle<promise_base>::from_promise(*this);
    }

    void unhandled_exception() noexcept {
        has_value = false;  // a local's destructor may throw after the co_return
        exception = std::current_exception();
        note_exception(*this);
    }

    static void* operator new(std::size_t size) {
        void* frame = allocate(size);
#if ASYNCIO_GCC12
        last_frame = frame;
#endif
        return frame;
    }
    static void operator delete(void* p, std::size_t size) noexcept { deallocate(p, size); }

    template <class A>
    decltype(auto) await_transform(A&& a, const void* at = __builtin_source_location()) {
        // A pointer, because g++ keeps an argument of a class in the frame, and writes it there.
        where = std::bit_cast<std::source_location>(at);
        check_named<A>();
        if constexpr (is_coroutine<std::remove_cvref_t<A>> && std::is_lvalue_reference_v<A>) {
            static_assert(
                !sizeof(A),
                "a coroutine is awaited once: write co_await std::move(c), or make it a task with "
                "create_task(std::move(c)), which can be awaited many times");
            return std::suspend_never{};
        } else if constexpr (requires { typename std::remove_cvref_t<A>::asyncio_generator; }) {
            static_assert(!sizeof(std::remove_reference_t<A>*),
                          "a generator is not awaited itself: co_await g.next() gives its next "
                          "item, or nothing at its end");
            return std::suspend_never{};
        } else if constexpr (!awaitable<A> && requires { a.enter(); }) {
            static_assert(!sizeof(std::remove_reference_t<A>*),
                          "this is not awaited itself, but has a body: co_await asyncio::with(x, "
                          "[&](auto& x) -> asyncio::coroutine<> { ... })");
            return std::suspend_never{};
        } else if constexpr (!awaitable<A>) {
            static_assert(!sizeof(std::remove_reference_t<A>*),
                          "this type cannot be awaited: co_await takes a coroutine, a task, a "
                          "future, or a type with "
                          "operator co_await; call plain functions without co_await");
            return std::suspend_never{};
        } else if constexpr (native_awaiter<decltype(find_awaiter(static_cast<A&&>(a)))>) {
            if constexpr (std::is_reference_v<decltype(find_awaiter(static_cast<A&&>(a)))>) {
                return awaiter_in_place<std::remove_cvref_t<A>>(a);
            } else {
                return find_awaiter(static_cast<A&&>(a));
            }
        } else {
            static_assert(!is_fragile_aggregate<A>,
                          "g++ 12 destroys this aggregate twice if it is made in the expression "
                          "that awaits it: name it first (auto a = ...; co_await a), or give its "
                          "class a constructor");
            return foreign_awaiter<A&&>(static_cast<A&&>(a));
        }
    }
    template <class V>
    static std::suspend_never yield_value(V&&) noexcept {
        static_assert(!sizeof(V*),
                      "a coroutine gives one result, with co_return; several need an "
                      "async_generator");
        return {};
    }

   protected:
    ~promise_base() = default;
#if ASYNCIO_GCC12
    /// g++ 12 gives coroutines with a co_await in a condition and no local variable a broken frame,
    /// in which the promise is not where coroutine_handle looks for it. Such a frame must not run.
    void check_frame() {
        auto* frame = static_cast<char*>(handle().address());
        auto* expected = static_cast<char*>(last_frame);
        if (frame != expected && frame > expected - 64 && frame < expected + 64)
            refuse_broken_frame(function);
    }
#else
    void check_frame() noexcept {}
#endif
};

/// The promise of a coroutine that awaits something of this library.
template <class P>
promise_base& promise_of(std::coroutine_handle<P> h) noexcept {
    static_assert(std::is_base_of_v<promise_base, P>,
                  "this can be awaited only inside an asyncio::coroutine: a coroutine of another "
                  "library has no task that could wait for it");
    if constexpr (std::is_base_of_v<promise_base, P>) return h.promise();
    __builtin_unreachable();
}

struct final_awaiter {
    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) noexcept;  // in task_state.hpp
    static void await_resume() noexcept {}
};

/// Where a coroutine<T> puts its result.
template <class T>
class promise_result : public promise_base {
   public:
    static_assert(alignof(T) <= 16,
                  "a coroutine's result cannot be over-aligned: return a std::unique_ptr to it");
    template <class U = T>
    void return_value(U&& value) {
        static_assert(std::is_constructible_v<T, U&&>,
                      "co_return takes a value of the coroutine's type, or one that converts to "
                      "it");
        // T may be const; the memory is not.
        ::new (const_cast<void*>(static_cast<const void*>(std::addressof(value_))))
            T(std::forward<U>(value));
        has_value = true;
    }
    T take() { return std::move(value_); }
    void unhandled_exception() noexcept {
        drop_value();
        promise_base::unhandled_exception();
    }

   protected:
    promise_result() noexcept {}
    ~promise_result() { drop_value(); }

   private:
    void drop_value() noexcept {
        if (has_value) std::destroy_at(std::addressof(value_));
    }
    union {
        T value_;
    };
};

template <class T>
class promise_result<T&> : public promise_base {
   public:
    template <class U>
    void return_value(U&& value) {
        static_assert(std::is_convertible_v<U&&, T&>,
                      "co_return takes something that the coroutine's reference can refer to");
        static_assert(!std::is_convertible_v<U&&, T&> || outlives_the_coroutine<U&&>,
                      "the coroutine's reference would refer to a temporary, which dies first: "
                      "let the coroutine return a value");
        if constexpr (std::is_convertible_v<U&&, T&>) {
            T& target = static_cast<U&&>(value);
            value_ = std::addressof(target);
        }
        has_value = true;
    }
    T& take() noexcept { return *value_; }

   private:
    /// An object with a name, or something like std::ref(x): no temporary is made of it.
    template <class U>
    static constexpr bool outlives_the_coroutine =
        (std::is_lvalue_reference_v<U> && std::is_convertible_v<std::remove_reference_t<U>*, T*>) ||
        std::is_convertible_v<U, std::remove_const_t<T>&> ||
        std::is_lvalue_reference_v<std::unwrap_reference_t<std::remove_cvref_t<U>>>;
    T* value_ = nullptr;
};

template <>
class promise_result<void> : public promise_base {
   public:
    void return_void() noexcept { has_value = true; }
    static void take() noexcept {}
};

template <class T>
class promise final : public promise_result<T> {
   public:
    [[gnu::always_inline]] coroutine<T> get_return_object(
        std::source_location at = std::source_location::current()) {
        this->function = at;
        this->created_by = __builtin_return_address(0);
        this->created_in = current_instruction();
        this->check_frame();
        return coroutine<T>(std::coroutine_handle<promise>::from_promise(*this));
    }
    static std::suspend_always initial_suspend() noexcept { return {}; }
    static final_awaiter final_suspend() noexcept { return {}; }
};

/// A coroutine was destroyed that nobody had awaited.
void report_never_awaited(const promise_base& p) noexcept;
[[noreturn]] void throw_awaited_twice();
/// A second task awaits what another one is waiting with.
[[noreturn]] void throw_awaited_by_two();
/// The coroutine reached its end without a co_return.
[[nodiscard]] std::exception_ptr no_value_error(const promise_base& p);
[[noreturn]] void throw_no_value(const promise_base& p);

/// Rethrows what the coroutine ended with; complains if it reached its end without a co_return.
/// Inlined, as all that throws: the fewer calls up to the catch, the faster.
[[gnu::always_inline]] inline void check_result(promise_base& p) {
    if (p.has_value) [[likely]]
        return;
    if (p.exception) std::rethrow_exception(std::move(p.exception));
    throw_no_value(p);
}

}  // namespace asyncio::detail
