// Awaiting types of other libraries. They resume whatever handle they are given, on whatever
// thread; this gives them a relay, which brings the task back to its own loop. A cancel waits until
// the foreign operation is over, because only then nobody else holds its memory: the value is
// delivered, and the cancel is thrown at the next await.
#pragma once

#include <coroutine>
#include <utility>

#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

class foreign_wait : public wait_node {
   public:
    foreign_wait(const foreign_wait&) = delete;

   protected:
    foreign_wait() noexcept = default;
    ~foreign_wait() = default;
    /// A handle to give to the foreign awaiter.
    std::coroutine_handle<> arm(promise_base& p);
    /// The foreign awaiter did not suspend.
    void disarm() noexcept;

   private:
    bool cancel_wait(task_state_base&, const cancel_ref&) noexcept override { return false; }
    [[nodiscard]] std::string describe() const override { return "a foreign awaitable"; }
    std::coroutine_handle<> relay_;
    task_state_base* task_ = nullptr;
};

template <class A>
class foreign_awaiter final : public foreign_wait {
    using awaiter = decltype(find_awaiter(std::declval<A>()));

   public:
    using asyncio_awaiter = void;
    explicit foreign_awaiter(A a) : awaiter_(find_awaiter(static_cast<A>(a))) {}

    bool await_ready() { return static_cast<bool>(awaiter_.await_ready()); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        const std::coroutine_handle<> back = arm(promise_of(h));
        using result = decltype(awaiter_.await_suspend(back));
        try {
            if constexpr (std::is_void_v<result>) {
                awaiter_.await_suspend(back);
            } else if constexpr (std::is_same_v<result, bool>) {
                const bool suspended = awaiter_.await_suspend(back);
                if (!suspended) disarm();
                return suspended;
            } else {
                awaiter_.await_suspend(back).resume();
            }
        } catch (...) {
            disarm();
            throw;
        }
        return true;
    }
    decltype(auto) await_resume() { return awaiter_.await_resume(); }

   private:
    awaiter awaiter_;
};

}  // namespace asyncio::detail
