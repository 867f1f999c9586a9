#include "asyncio/compose/sleep.hpp"

#include <cstdio>

namespace asyncio::detail {

void sleep_wait::start(promise_base& p) {
    cancelled_ = false;
    if (!delay_.is_forever()) {
        loop_core& loop = *task_->loop;
        loop.timers.arm(*this, delay_.after(loop.now()), &fire);
    }
    task_->wait_on(p, *this);
}

void sleep_wait::fire(timer_node& n, timer_event e) noexcept {
    if (e == timer_event::due) static_cast<sleep_wait&>(n).task_->wake();
}

bool sleep_wait::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    disarm();
    cancelled_ = true;
    t.wake();
    return true;
}

std::string sleep_wait::describe() const {
    if (!armed()) return "a sleep without end";
    const auto left = std::chrono::duration<double>(when() - task_->loop->now()).count();
    char text[64];
    std::snprintf(text, sizeof text, "a sleep (%.3f s left)", left);
    return text;
}

}  // namespace asyncio::detail
