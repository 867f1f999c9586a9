#include "asyncio/compose/sleep.hpp"

#include <cstdio>

namespace asyncio::detail {

void sleep_wait::pause(promise_base& p) {
    if (task_ != nullptr && pause_.armed()) throw_awaited_by_two();
    task_ = p.task;
    ::new (&pause_) timed_sleep;
    pause_.start(p, delay_);
}

void sleep_wait::end_pause() noexcept { pause_.~timed_sleep(); }

void timed_sleep::start(promise_base& p, delay d) {
    task_ = p.task;
    if (!d.is_forever()) {
        loop_core& loop = *task_->loop;
        loop.timers.arm(*this, d.after(loop.now()), &fire);
    }
    task_->wait_on(p, *this);
}

void timed_sleep::fire(timer_node& n, timer_event e) noexcept {
    if (e == timer_event::due) static_cast<timed_sleep&>(n).task_->wake();
}

bool timed_sleep::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    disarm();
    task_ = nullptr;
    t.wake();
    return true;
}

std::string timed_sleep::describe() const {
    if (!armed()) return "a sleep without end";
    const auto left = std::chrono::duration<double>(when() - task_->loop->now()).count();
    char text[64];
    std::snprintf(text, sizeof text, "a sleep (%.3f s left)", left);
    return text;
}

}  // namespace asyncio::detail
