// What can be awaited, and what awaiting it gives.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

namespace asyncio {

template <class T>
class coroutine;

namespace detail {

/// An awaiter of this library: it runs in a task, parks in the task's one wait node and is resumed
/// by the loop.
template <class A>
concept native_awaiter = requires { typename std::remove_cvref_t<A>::asyncio_awaiter; };

template <class A>
concept has_member_co_await = requires(A&& a) { static_cast<A&&>(a).operator co_await(); };
template <class A>
concept has_free_co_await = requires(A&& a) { operator co_await(static_cast<A&&>(a)); };
template <class A>
concept any_awaiter = requires(std::remove_reference_t<A>& a) {
    static_cast<bool>(a.await_ready());
    a.await_resume();
};

/// Something to be kept, and awaited by its name only; see fresh_task.
template <class A>
concept to_be_named = requires { typename A::asyncio_to_be_named; };

/// For everything that awaits what it is given, deduced as A for a parameter `A&&`.
template <class A>
constexpr void check_named() {
    static_assert(!to_be_named<A>,
                  "g++ 12 destroys a temporary lambda that owns its captures, and a temporary "
                  "aggregate, twice if it stands in one expression with co_await: name the task "
                  "first (auto t = create_task(...); co_await t), or pass what it captures as "
                  "arguments");
}

template <class T>
inline constexpr bool is_coroutine = false;
template <class T>
inline constexpr bool is_coroutine<coroutine<T>> = true;

/// The awaiter of `a`, as the language finds it: a new object, or `a` itself.
template <class A>
decltype(auto) find_awaiter(A&& a) {
    if constexpr (has_member_co_await<A>) {
        return static_cast<A&&>(a).operator co_await();
    } else if constexpr (has_free_co_await<A>) {
        return operator co_await(static_cast<A&&>(a));
    } else {
        return (a);
    }
}

/// An awaiter that stays where it is: g++ 12 would copy or move one that await_transform gives as a
/// reference.
template <class A>
class awaiter_in_place {
   public:
    using asyncio_awaiter = void;
    explicit awaiter_in_place(A& a) noexcept : awaiter_(&a) {}
    decltype(auto) await_ready() { return awaiter_->await_ready(); }
    template <class P>
    decltype(auto) await_suspend(std::coroutine_handle<P> h) {
        return awaiter_->await_suspend(h);
    }
    [[gnu::always_inline]] decltype(auto) await_resume() { return awaiter_->await_resume(); }

   private:
    A* awaiter_;
};

}  // namespace detail

/// Anything that can stand behind co_await: a coroutine (as an rvalue), a task, a future, whatever
/// the library returns to be awaited, and every foreign type with `operator co_await` or the three
/// await functions.
template <class A>
concept awaitable =
    !(detail::is_coroutine<std::remove_cvref_t<A>> && std::is_lvalue_reference_v<A>) &&
    (detail::has_member_co_await<A> || detail::has_free_co_await<A> || detail::any_awaiter<A>);

namespace detail {

template <class A>
struct await_result {
    using type = decltype(find_awaiter(std::declval<A>()).await_resume());
};

}  // namespace detail

/// What `co_await a` gives, for an `a` of type A (an rvalue unless A is an lvalue reference).
template <awaitable A>
using await_result_t = typename detail::await_result<A>::type;

}  // namespace asyncio
