// shield: protects something from the cancel of those who wait for it.
#pragma once

#include <utility>

#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

class shield_link final : public done_node {
   public:
    explicit shield_link(future_state_base& outer) noexcept : outer_(outer) {}
    ref<future_state_base> inner;
    /// Copies how the inner one ended.
    void future_done(future_state_base& f) noexcept override;
    void (*copy_value)(future_state_base& outer, future_state_base& inner) = nullptr;

   private:
    future_state_base& outer_;
};

template <class T>
class shield_state final : public future_state<T> {
   public:
    shield_state(future_state_base& inner, std::source_location where)
        : future_state<T>(*inner.loop, false, where), link_(*this) {
        link_.inner = ref<future_state_base>(&inner);
        link_.copy_value = [](future_state_base& outer, future_state_base& from) {
            if constexpr (!std::is_void_v<T>)
                static_cast<future_state<T>&>(outer).emplace(
                    extract_value<T>(from, from.finishing ? 2 : 1));
        };
        inner.add_waiter(link_);
    }
    bool cancel(const cancel_ref& why) override {
        link_.unlink();  // the inner one runs on, and forgets us
        link_.inner = {};
        return future_state<T>::cancel(why);
    }

   private:
    shield_link link_;
};

}  // namespace detail

/// A future that ends as `aw` does, but whose cancel does not reach `aw`: `co_await shield(t)` can
/// be cancelled or time out while t runs on. Anything but a future or task is started as a task.
/// Keep a handle on what you shield if you want its result later; an error that nobody retrieves is
/// reported when the last handle is gone.
template <awaitable A>
[[nodiscard]] auto shield(A&& aw, std::source_location where = std::source_location::current()) {
    auto inner = ensure_future(std::forward<A>(aw));
    using T = typename decltype(inner)::value_type;
    if (inner.done()) return inner;
    const auto state = inner.state();
    inner = {};
    return future<T>(
        detail::ref<detail::future_state_base>(new detail::shield_state<T>(*state, where)));
}

}  // namespace asyncio
