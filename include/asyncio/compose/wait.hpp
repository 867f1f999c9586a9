// wait: several tasks at once, without cancelling or throwing anything.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/base/delay.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

/// When wait() comes back.
enum class return_when : unsigned char {
    all_completed,
    first_completed,
    first_exception,  ///< a cancel does not count; without an exception: all completed
};

/// How wait() waits.
struct wait_options {
    delay timeout = delay::forever();  ///< then it comes back with what is done
    asyncio::return_when return_when = asyncio::return_when::all_completed;
};

/// What wait() gives; both in the order of its argument.
template <class F>
struct wait_result {
    wait_result() = default;
    /// Those that are done, and those that are not.
    std::vector<F> done;
    std::vector<F> pending;
};

namespace detail {

/// The wait itself, over any futures: duplicates collapse, nothing is cancelled.
class wait_for_many : public wait_node {
   public:
    wait_for_many(std::vector<ref<future_state_base>> states, wait_options options);
    wait_for_many(wait_for_many&& o) noexcept;
    ~wait_for_many();

    static constexpr bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }

   protected:
    void finish_wait();  ///< throws if the wait was cancelled
    std::vector<ref<future_state_base>> states_;

   private:
    struct listener final : done_node {
        void future_done(future_state_base& f) noexcept override { owner->one_done(f); }
        wait_for_many* owner = nullptr;
    };
    struct limit final : deadline {
        void expired() noexcept override { owner->wake_once(); }
        wait_for_many* owner = nullptr;
    };
    /// Looks at all of them again; true if nothing needs to be waited for.
    [[nodiscard]] bool satisfied() noexcept;
    [[nodiscard]] bool enough(std::size_t done, bool failed) const noexcept;
    void suspend(promise_base& p);
    void one_done(const future_state_base& f) noexcept;
    void wake_once() noexcept;
    void detach() noexcept;
    bool cancel_wait(task_state_base& t, const cancel_ref&) noexcept override;
    [[nodiscard]] std::string describe() const override;

    wait_options options_;
    std::unique_ptr<listener[]> listeners_;
    limit limit_;
    task_state_base* task_ = nullptr;
    std::size_t done_ = 0;
    bool woken_ = false;
    bool yielded_ = false;  ///< there was nothing to wait for
    bool cancelled_ = false;
};

template <class F>
class [[nodiscard("wait does nothing until it is awaited: co_await wait(...)")]] wait_awaiter final
    : public wait_for_many {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    using wait_for_many::wait_for_many;
    wait_result<F> await_resume() {
        finish_wait();
        wait_result<F> result;
        for (const ref<future_state_base>& s : states_)
            (s->done() ? result.done : result.pending).emplace_back(s);
        return result;
    }
};

}  // namespace detail

/// Waits until all of the tasks (or futures) are done, or the first one, or the first error, or the
/// time is up; gives {done, pending}. It cancels nothing: a timeout throws nothing, and a cancel of
/// the caller leaves the tasks running. Always suspends, so that the others run, too, where it is
/// called in a loop. Duplicates collapse. An empty vector throws
/// std::invalid_argument; coroutines must be made tasks first.
template <class F>
auto wait(const std::vector<F>& tasks, wait_options options = {}) {
    static_assert(
        detail::is_future_v<F>,
        "wait takes tasks or futures: make each coroutine a task first, with create_task(...)");
    std::vector<detail::ref<detail::future_state_base>> states;
    if constexpr (detail::is_future_v<F>) {
        states.reserve(tasks.size());
        for (const F& t : tasks) states.push_back(t.state());
    }
    return detail::wait_awaiter<F>(std::move(states), options);
}
/// The same for tasks in braces: wait({a, b}).
template <class F>
auto wait(std::initializer_list<F> tasks, wait_options options = {}) {
#if ASYNCIO_GCC12
    static_assert(!sizeof(F),
                  "g++ 12 cannot compile braces behind co_await: name the tasks first, const "
                  "std::vector tasks{a, b}; co_await wait(tasks)");
#endif
    return wait(std::vector<F>(tasks), options);
}

}  // namespace asyncio
