// run_coroutine_threadsafe: hands a coroutine to a loop that runs in another thread.
//
//      another thread                        the loop's thread
//      concurrent_future <---deliver---- submission ---owns---> task
//             `--cancel--> mailbox -----> canceller ---cancel------^
#pragma once

#include <type_traits>
#include <utility>

#include "asyncio/executor/concurrent_future.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/future.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

/// A coroutine on its way to its loop, then the one who waits for its task. Everything but its
/// making happens on the loop's thread.
class submission : public handle_state, public loop_entry, public done_node {
   public:
    submission(event_loop& loop, ref<concurrent_state_base> target) noexcept;
    /// Throws std::runtime_error if the loop is closed.
    static void post(event_loop& loop, const ref<submission>& s);
    void cancel_task() noexcept;

   protected:
    ~submission() override;

   private:
    virtual ref<future_state_base> make_task(event_loop& loop) = 0;
    virtual void close_coroutine() noexcept = 0;
    virtual void move_value(future_state_base& from) = 0;
    void invoke() override;
    void future_done(future_state_base&) noexcept override { queue(); }
    void loop_closed() noexcept override;
    void start();
    void deliver(bool loop_is_open) noexcept;

    ref<concurrent_state_base> target_;
    ref<future_state_base> task_;
    bool started_ = false;
};

template <class T>
class typed_submission final : public submission {
   public:
    typed_submission(event_loop& loop, concurrent_state<T>& target, coroutine<T> c) noexcept
        : submission(loop, ref<concurrent_state_base>(&target)),
          result_(target),
          coroutine_(std::move(c)) {}
    ~typed_submission() override { coroutine_.close(); }

   private:
    ref<future_state_base> make_task(event_loop& loop) override {
        return detail::make_task(loop, std::move(coroutine_), {}).state();
    }
    void close_coroutine() noexcept override { coroutine_.close(); }
    void move_value([[maybe_unused]] future_state_base& from) override {
        if constexpr (!std::is_void_v<T>) result_.emplace(extract_value<T>(from));
    }
    concurrent_state<T>& result_;  // kept alive by the base
    coroutine<T> coroutine_;
};

template <class T>
concurrent_future<T> submit_coroutine(event_loop& loop, coroutine<T> c) {
    struct closer {
        coroutine<T>& c;
        ~closer() { c.close(); }
    };
    const closer unless_taken{c};
    auto* target = new concurrent_state<T>(&loop);
    concurrent_future<T> result{ref<concurrent_state_base>(target)};
    submission::post(loop, ref<submission>(new typed_submission<T>(loop, *target, std::move(c))));
    return result;
}

}  // namespace detail

/// Runs a coroutine as a task of `loop`, which runs in another thread, and gives a future for
/// threads. The caller's context goes along as a copy. Cancelling the future cancels the task; if
/// the loop closes before the task is done, the future is cancelled. An error that nobody can ask
/// for any more is reported. Any thread; the loop must exist during the call. Throws
/// std::runtime_error if the loop is closed; the coroutine is then destroyed.
template <class A>
    requires(!std::is_same_v<std::remove_cvref_t<A>, event_loop>)
auto run_coroutine_threadsafe(A&& coroutine_to_run, event_loop& loop) {
    static_assert(!detail::is_future_v<std::remove_cvref_t<A>>,
                  "a future or task belongs to the thread of its loop: hand a coroutine over, "
                  "run_coroutine_threadsafe(f(args...), loop)");
    if constexpr (!detail::is_future_v<std::remove_cvref_t<A>>) {
        return detail::submit_coroutine(loop,
                                        detail::to_coroutine(std::forward<A>(coroutine_to_run)));
    } else {
        return concurrent_future<>();
    }
}
/// The same for f(args...), which is called on the loop: the task owns the callable and its
/// arguments (std::ref to refer).
template <class F, class... Args>
auto run_coroutine_threadsafe(event_loop& loop, F&& f, Args&&... args) {
    return detail::submit_coroutine(
        loop, detail::to_coroutine(std::forward<F>(f), std::forward<Args>(args)...));
}

}  // namespace asyncio
