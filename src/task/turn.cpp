// A turn of the loop, and the steps of tasks, of which it consists nearly always. The turn is the
// loop's (loop/loop_core.hpp); it is defined here so that steps follow each other without a call.
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

// ---- The end of a task ----

[[gnu::always_inline]] inline void task_state_base::end_coroutine() {
    promise_base& p = *root;
    if (p.has_value) [[likely]] {
        try {
            take_result(p);
        } catch (...) {
            exception = std::current_exception();
        }
    } else {
        exception = p.exception ? std::move(p.exception) : no_value_error(p);
    }
    root = nullptr;
    try {
        // LIFETIME: the coroutine is at its final suspension; its locals are gone, now its
        // parameters go.
        p.handle().destroy();
    } catch (...) {
        exception = std::current_exception();
    }
}

[[gnu::noinline]] void task_state_base::finish_with_error() {
    const auto self = ref<task_state_base>::adopt(this);  // the loop's reference ends here
    task_link::unlink();
    if (const cancelled_error* c = as_cancelled(exception)) {
        cancel_why = c->record();
        exception = nullptr;
        finish(future_status::cancelled);
        return;
    }
    const bool fatal = is_fatal(exception);
    unretrieved = !fatal && !expected;
    finish(future_status::error);
    if (fatal) std::rethrow_exception(exception);
}

[[gnu::always_inline]] inline void task_state_base::finish_task() {
    if (exception) [[unlikely]] {
        finish_with_error();
        return;
    }
    future_status end = future_status::value;
    if (must_cancel) [[unlikely]]
        end = future_status::cancelled;
    finish(end);
    task_link::unlink();
    release();  // the loop's reference
}

/// Between the steps, no task and no task's context is the current one.
[[gnu::always_inline]] inline void task_state_base::leave_step(loop_core& l) noexcept {
    context_ref::leave();
    l.current_task = nullptr;
}

[[gnu::always_inline]] inline void task_state_base::end_step(loop_core& l) {
    end_coroutine();
    leave_step(l);
    finish_task();
}

// ---- A step ----

/// False: it ends where the task must wait again. True: the task's own coroutine has ended.
[[gnu::always_inline]] inline bool task_state_base::run_frames(loop_core& l) {
    for (std::coroutine_handle<> h = resume_at;;) {
        h.resume();
        h = l.resume_next;
        if (!h) return false;
        l.resume_next = nullptr;
        if (h == end_of_task(l)) return true;
    }
}

/// One step, which nobody times. It may leave its task the current one: when other code follows,
/// leave_step() does.
[[gnu::always_inline]] inline void task_state_base::run_step(loop_core& l) {
    l.current_task = this;
    context.enter();
    // Not this->: so the compiler need not keep it.
    if (run_frames(l)) l.current_task->end_step(l);
}

/// What precedes the first step. False: the task was cancelled, its body never starts and its
/// arguments are destroyed.
[[gnu::always_inline]] inline bool task_state_base::begin() {
    run = usual_step();
    if (must_cancel) [[unlikely]] {
        leave_step(*loop);
        drop();
        return false;
    }
    return true;
}

/// What precedes a step that begins with a look at what the task waits on. False: it waits on.
[[gnu::always_inline]] inline bool task_state_base::look() {
    run = usual_step();
    if (!waiting_on->look()) return false;
    waiting_on = nullptr;
    return true;
}

// The same as nodes of the ready queue, which loop_core::run_ready() knows, and runs by itself.

void task_state_base::step(ready_node& n) {
    auto& t = static_cast<task_state_base&>(n);
    loop_core& l = *t.loop;
    if (l.debug) {
        t.run_special_step();
        return;
    }
    t.run_step(l);
    leave_step(l);
}

void task_state_base::special_step(ready_node& n) {
    static_cast<task_state_base&>(n).run_special_step();
}

void task_state_base::first_step(ready_node& n) {
    if (static_cast<task_state_base&>(n).begin()) n.run(n);
}

void task_state_base::look_first(ready_node& n) {
    // LIFETIME: when the frame goes on, it takes the node that the task waited on with it.
    if (static_cast<task_state_base&>(n).look()) n.run(n);
}

// ---- A turn ----

[[gnu::always_inline]] inline void loop_core::run_ready() {
    if (simulated || debug) [[unlikely]] {
        for (std::size_t n = ready.size(); n > 0; --n) {
            ready_node& node = ready.take(outside->pick(n));
            node.run(node);
        }
        return;
    }
    // What becomes ready from now on belongs to the next turn.
    ready_batch batch(ready);
    while (ready_node* const node = batch.next()) {
        if (node->run != &task_state_base::step) {
            if (node->run == &task_state_base::first_step) {
                if (!static_cast<task_state_base*>(node)->begin()) continue;
            } else if (node->run == &task_state_base::look_first) {
                task_state_base::leave_step(*this);
                if (!static_cast<task_state_base*>(node)->look()) continue;
            }
            if (node->run != &task_state_base::step) {
                task_state_base::leave_step(*this);
                node->run(*node);
                continue;
            }
        }
        static_cast<task_state_base*>(node)->run_step(*this);
    }
    task_state_base::leave_step(*this);
}

[[gnu::always_inline]] inline void loop_core::run_once(bool may_wait) {
    const bool ask = ++turns == clock_turn_ || ready.empty();
    if (ask) [[unlikely]]
        ask_outside(may_wait && !stopping_);
    if (posted_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
        collect_posted();
    if (signal_arrived_.load(std::memory_order_relaxed)) [[unlikely]]
        collect_signals();
    // As long as the first deadline is far away, nobody needs to know what time it is.
    if (!timers.empty() && timers.next() < clock_read_at_ + longest_without_poll) [[unlikely]]
        fired_since_wait_ += timers.fire_due(ask ? clock_read_at_ : now());
    run_ready();
}

void loop_core::run_turns(bool may_wait) {
    do run_once(may_wait);
    while (!stopping_ && (may_wait || !ready.empty()));
}

// ---- A step that is more than a step ----

/// Makes the task and its context the current ones.
class task_state_base::step_scope {
   public:
    explicit step_scope(task_state_base& t) noexcept
        : loop_(*t.loop),
          outer_(std::exchange(loop_.current_task, &t)),
          outer_context_(context_of_turn),
          shared_(t.extras ? t.extras->shared_context.get() : nullptr) {
        if (shared_ == nullptr) [[likely]] {
            t.context.enter();
        } else {
            entered_ = shared_->enter();
            if (!entered_) shared_->enter_again();
        }
    }
    step_scope(const step_scope&) = delete;
    step_scope& operator=(const step_scope&) = delete;
    ~step_scope() {
        if (entered_) shared_->leave();
        context_of_turn = outer_context_;
        loop_.current_task = outer_;
    }

   private:
    loop_core& loop_;
    task_state_base* outer_;
    context_map** outer_context_;
    context_cell* shared_;
    bool entered_ = false;  // a step further out has not entered the shared context already
};

/// A step that is timed, runs inside another one, or in a context that is shared.
void task_state_base::run_special_step() {
    if (loop->debug) {
        run_timed_step();
        return;
    }
    {
        const step_scope scope(*this);
        if (!run_frames(*loop)) return;
        end_coroutine();
    }
    finish_task();
}

void task_state_base::run_timed_step() {
    std::string before;
    try {
        if (root->where.line() != 0) before = format_frames(*this);
    } catch (const std::bad_alloc&) {
        before.clear();  // the report will say less, but the step goes on
    }
    const time_point start = loop->now() - loop->reporting;
    std::exception_ptr stop;  // what the exception handler throws
    bool ended = false;
    {
        const step_scope scope(*this);
        ended = run_frames(*loop);
        const auto took = loop->now() - loop->reporting - start;
        if (took >= loop->slow_callback) {
            try {
                report_slow_step(took, before);
            } catch (...) {
                stop = std::current_exception();
            }
        }
        if (ended) end_coroutine();
    }
    if (ended) finish_task();
    if (stop) std::rethrow_exception(stop);
}

}  // namespace asyncio::detail
