// What the event loop does with tasks: runs until one is done, lists them, drops them when it
// closes.
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

void event_loop::run_until_done(detail::future_state_base& f) {
    if (f.loop != this)
        throw std::invalid_argument(
            "asyncio: run_until_complete: the future belongs to another event loop");
    const future<> done{detail::ref<detail::future_state_base>(&f)};
    const std::uint64_t id = done.add_done_callback([this](const future<>&) { stop(); });
    try {
        run_forever();
    } catch (...) {
        done.remove_done_callback(id);
        f.mark_retrieved();
        throw;
    }
    done.remove_done_callback(id);
    if (!f.done())
        throw std::runtime_error(
            "asyncio: the event loop was stopped before the future was done; run it again to go "
            "on");
}

void event_loop::drop_tasks() noexcept {
    // A frame's destructors may wake others, so nothing is freed before the ready queue is empty
    // again.
    detail::intrusive_list<detail::task_link> doomed;
    while (!tasks.empty()) {
        auto& t = static_cast<detail::task_state_base&>(tasks.pop_front());
        doomed.push_back(t);
        if (!t.started() && t.must_cancel) continue;
        t.report_pending();
    }
    drop_ready();
    detail::intrusive_list<detail::task_link> emptied;
    while (!doomed.empty()) {
        // The youngest first: it may refer to locals of the task that made it.
        auto& t = static_cast<detail::task_state_base&>(doomed.back());
        static_cast<detail::task_link&>(t).unlink();
        emptied.push_back(t);
        t.destroy_frames();
    }
    drop_ready();
    while (!emptied.empty()) {
        static_cast<detail::task_state_base&>(emptied.front()).drop();
        drop_ready();
    }
}

task<> current_task() {
    detail::task_state_base* t = detail::loop_for("current_task").current_task;
    return task<>(detail::ref<detail::future_state_base>(t));
}

std::vector<task<>> all_tasks(event_loop* loop) {
    event_loop& l = loop != nullptr ? *loop : detail::loop_for("all_tasks");
    std::vector<task<>> result;
    for (detail::task_link& link : l.tasks) {
        auto& t = static_cast<detail::task_state_base&>(link);
        if (!t.done()) result.emplace_back(detail::ref<detail::future_state_base>(&t));
    }
    return result;
}

}  // namespace asyncio
