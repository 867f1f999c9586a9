#include "asyncio/task/foreign.hpp"

#include <utility>

#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

namespace {

struct relay_coroutine {
    struct promise_type {
        relay_coroutine get_return_object() {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        static std::suspend_always initial_suspend() noexcept { return {}; }
        // The frame frees itself once it has run.
        static std::suspend_never final_suspend() noexcept { return {}; }
        static void return_void() noexcept {}
        static void unhandled_exception() noexcept {}
    };
    std::coroutine_handle<promise_type> handle;
};

/// A coroutine of one step: whoever resumes it, on whatever thread, queues the task on its loop.
relay_coroutine make_relay(ref<handle_state> wake) {
    loop_core& loop = wake->loop();
    if (loop.on_loop_thread())
        wake->queue();
    else
        (void)loop.post(std::move(wake));  // the last reference dies there, and the task's with it
    co_return;
}

class wake_task final : public handle_state {
   public:
    explicit wake_task(task_state_base& t) noexcept : handle_state(*t.loop), task_(&t) {}

   private:
    void invoke() override { task_->wake(); }
    ref<task_state_base> task_;
};

}  // namespace

std::coroutine_handle<> foreign_wait::arm(promise_base& p) {
    relay_ = make_relay(ref<handle_state>(new wake_task(*p.task))).handle;
    task_ = p.task;
    task_->wait_on(p, *this);
    return relay_;
}

void foreign_wait::disarm() noexcept {
    task_->waiting_on = nullptr;
    std::exchange(relay_, nullptr).destroy();
}

}  // namespace asyncio::detail
