// shield: protects something from the cancel of those who wait for it.
#pragma once

#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

class shield_link final : public done_node {
   public:
    using copy_function = void (*)(future_state_base& outer, future_state_base& inner);
    shield_link(future_state_base& outer, future_state_base& inner, copy_function copy,
                bool refers) noexcept
        : outer_(outer), inner_(&inner), copy_value_(copy), refers_(refers) {}
    /// Ends the outer one as the inner one has ended or will end.
    void listen() noexcept;
    /// Lets go of the inner one, which runs on.
    void forget() noexcept {
        unlink();
        inner_ = {};
    }

    /// "shield() of task 'worker'".
    [[nodiscard]] std::string describe() const;

   private:
    void future_done(future_state_base& f) noexcept override;
    future_state_base& outer_;
    ref<future_state_base> inner_;
    copy_function copy_value_;
    bool refers_;  ///< the outer value is a reference into the inner one
};

/// T: the inner value. R: T, or T& if the inner one keeps it.
template <class T, class R>
class shield_state final : public future_state<R> {
   public:
    shield_state(future_state_base& inner, std::source_location where)
        : future_state<R>(*inner.loop, false, where),
          link_(*this, inner, &copy_value, !std::is_same_v<T, R>) {}
    void listen() noexcept { link_.listen(); }
    bool cancel(const cancel_ref& why) override {
        link_.forget();
        return future_state<R>::cancel(why);
    }
    [[nodiscard]] std::string describe() const override { return link_.describe(); }

   private:
    static void copy_value(future_state_base& outer, future_state_base& inner) {
        auto& o = static_cast<future_state<R>&>(outer);
        if constexpr (!std::is_same_v<T, R>) {
            o.emplace(stored_value<T>(inner));
        } else if constexpr (!std::is_void_v<T>) {
            o.emplace(extract_value<T>(inner, own_references(inner)));
        }
    }
    shield_link link_;
};

/// A named future of something that cannot be copied keeps it: its shield gives a reference.
template <class A, class T>
inline constexpr bool shield_refers =
    std::is_lvalue_reference_v<A> && is_future_v<std::remove_cvref_t<A>> && std::is_object_v<T> &&
    !copyable<T>::value;

}  // namespace detail

/// A future that ends as `aw` does, but whose cancel does not reach `aw`: `co_await shield(t)` can
/// be cancelled or time out while t runs on. Anything but a future or task is started as a task.
/// Keep a handle on what you shield if you want its result later; an error that nobody retrieves is
/// reported when the last handle is gone. Its own callbacks run while there is a handle on the
/// shield. A future<T>; a future<T&> if `aw` is a named future of what cannot be copied.
template <awaitable A>
[[nodiscard("shield gives a future: co_await it")]] auto shield(
    A&& aw, std::source_location where = std::source_location::current()) {
    detail::check_named<A>();
    auto inner = ensure_future(std::forward<A>(aw), {});
    using T = typename decltype(inner)::value_type;
    using R = std::conditional_t<detail::shield_refers<A, T>, std::add_lvalue_reference_t<T>, T>;
    const bool done = inner.done();
    if constexpr (std::is_same_v<T, R>)
        if (done) return inner;
    auto* s = new detail::shield_state<T, R>(*inner.state(), where);
    future<R> outer{detail::ref<detail::future_state_base>(s)};
    inner = {};
    s->listen();
    return outer;
}

}  // namespace asyncio
