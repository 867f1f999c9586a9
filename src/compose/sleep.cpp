#include "asyncio/compose/sleep.hpp"

#include <cstdio>

namespace asyncio::detail {

void sleep_wait::start(promise_base& p) {
    if (sleeping_) std::destroy_at(std::addressof(node_));  // it slept before
    ::new (static_cast<void*>(std::addressof(node_))) sleep_node(*task_);
    sleeping_ = true;
    node_.suspend(p, delay_);
}

void sleep_node::suspend(promise_base& p, delay d) {
    if (!d.is_forever()) {
        loop_core& loop = *task_.loop;
        loop.timers.arm(*this, d.after(loop.now()));
    }
    task_.wait_on(p, *this);
}

bool sleep_node::cancel_wait(task_state_base& t, const cancel_ref&) noexcept {
    t.loop->timers.disarm(*this);
    cancelled_ = true;
    t.wake();
    return true;
}

std::string sleep_node::describe() const {
    if (!armed()) return "a sleep without end";
    const auto left = std::chrono::duration<double>(when() - task_.loop->now()).count();
    char text[64];
    std::snprintf(text, sizeof text, "a sleep (%.3f s left)", left);
    return text;
}

}  // namespace asyncio::detail
