// wrap_future: brings the result of a thread to the loop that waits for it.
//
//      the loop's thread                       another thread
//      future <--- wrap_link ----listens---->  concurrent_future
//                      ^                            |  done
//                      `---- mailbox (if the loop still is) <-'
//
// The link is owned by both sides and by the loop, which tells it when it closes. Only the loop's
// thread touches the future.
#pragma once

#include <source_location>
#include <utility>

#include "asyncio/executor/concurrent_future.hpp"
#include "asyncio/task/future.hpp"

namespace asyncio {

namespace detail {

/// One result on its way.
class wrap_link : public handle_state, public loop_entry {
   public:
    wrap_link(event_loop& loop, ref<concurrent_state_base> source) noexcept;
    /// From now on `future` gets what the source gets. `back` is reset when that is over.
    void start(event_loop& loop, ref<future_state_base> future, wrap_link*& back);
    /// The future is cancelled while it is pending. False: the result is there, and it gets that.
    bool cancel(const cancel_ref& why);

   protected:
    ~wrap_link() override;

   private:
    virtual void move_value(future_state_base& to) = 0;
    void invoke() override;
    void loop_closed() noexcept override;
    ref<future_state_base> leave() noexcept;
    void deliver(future_state_base& to);

    ref<concurrent_state_base> source_;
    ref<mailbox> box_;
    ref<future_state_base> future_;
    wrap_link** back_ = nullptr;
    bool claimed_ = false;  ///< the source was cancelled by this side
};

template <class T>
class typed_wrap_link final : public wrap_link {
   public:
    typed_wrap_link(event_loop& loop, concurrent_future<T> f)
        : wrap_link(loop, ref<concurrent_state_base>(&concurrent_access::state(f))),
          source_(std::move(f)) {}

   private:
    void move_value([[maybe_unused]] future_state_base& to) override {
        if constexpr (!std::is_void_v<T>)
            static_cast<future_state<T>&>(to).emplace(concurrent_access::take(source_));
    }
    concurrent_future<T> source_;
};

/// A future that passes a cancel on to the other thread.
template <class T>
class wrapped_state final : public future_state<T> {
   public:
    wrapped_state(loop_core& on, std::source_location where) : future_state<T>(on, false, where) {}
    bool cancel(const cancel_ref& why) override {
        if (this->done() || link == nullptr) return future_state<T>::cancel(why);
        return link->cancel(why);
    }
    [[nodiscard]] std::string describe() const override {
        return "the result of a call outside the loop's thread";
    }
    wrap_link* link = nullptr;
};

template <class T>
future<T> wrap_on(event_loop& loop, concurrent_future<T> f, std::source_location where) {
    auto* state = new wrapped_state<T>(loop, where);
    future<T> result{ref<future_state_base>(state)};
    const ref<wrap_link> link(new typed_wrap_link<T>(loop, std::move(f)));
    link->start(loop, result.state(), state->link);
    return result;
}

}  // namespace detail

/// A future of the running loop with the result of `f`. Cancelling it, or the task that waits for
/// it, cancels `f`; work that runs already goes on, and its result is discarded. The loop's thread;
/// throws std::runtime_error if no loop runs.
template <class T>
[[nodiscard]] future<T> wrap_future(concurrent_future<T> f,
                                    std::source_location where = std::source_location::current()) {
    return detail::wrap_on(get_running_loop(), std::move(f), where);
}
/// A future of a loop as it is.
template <class T>
[[nodiscard]] future<T> wrap_future(future<T> f) noexcept {
    return f;
}

}  // namespace asyncio
