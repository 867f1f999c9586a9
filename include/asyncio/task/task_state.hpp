// The erased core of tasks: what they wait on, cancellation, and the step. The typed shell is in
// task.hpp.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "asyncio/base/context.hpp"
#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/loop/loop_core.hpp"
#include "asyncio/task/context.hpp"
#include "asyncio/task/future_state.hpp"
#include "asyncio/task/promise.hpp"

namespace asyncio::detail {

/// Where an exception came from: the awaits it went through, outermost first, across tasks.
struct exception_trace {
    struct entry {
        std::source_location function;
        std::source_location where;
        std::size_t hidden = 0;  ///< how many before this one were left out
        std::string
            task;  ///< not empty: from here on it is this task, which the one before awaited
    };
    std::exception_ptr exception;
    std::vector<entry> entries;
};

/// What few tasks have.
struct task_extras {
    task_extras() noexcept = default;
    task_extras(const task_extras&) = delete;
    task_extras& operator=(const task_extras&) = delete;
    ~task_extras();
    std::string name;
    exception_trace trace;             ///< of the last exception that left a frame
    ref<context_cell> shared_context;  ///< used instead of the task's own if there is one
};

/// What a suspended task waits on: one node, in the awaiting frame.
class wait_node {
   public:
    /// Ends the wait with a cancel: unlinks, and wakes the task (now or when the operation has
    /// retired). False if the wait is over already.
    virtual bool cancel_wait(task_state_base& t, const cancel_ref& why) noexcept = 0;
    /// What it is, for reports: "future", "lock", "sleep".
    [[nodiscard]] virtual std::string describe() const = 0;
    /// The task that could end the wait, if one is known.
    [[nodiscard]] virtual const task_state_base* owner() const noexcept { return nullptr; }
    /// The task to which this wait hands a cancel on, and that ends it only by ending itself.
    [[nodiscard]] virtual task_state_base* awaited_task() const noexcept { return nullptr; }
    /// The task's turn has come after wake_to_look(): true ends the wait and lets the task go on,
    /// false lets it wait on.
    virtual bool look();
    /// Ends a wait for a task that waits, in the end, for this wait.
    virtual void break_cycle() noexcept {}

   protected:
    wait_node() noexcept = default;
    wait_node(const wait_node&) noexcept {}
    wait_node& operator=(const wait_node&) = delete;
    ~wait_node() = default;
};

class task_state_base : public future_state_base, public task_link, public ready_node {
   public:
    task_state_base(loop_core& l, promise_base& coroutine, std::source_location where,
                    bool typed) noexcept
        : future_state_base(l, true, where, typed),
          ready_node(&first_step),
          resume_at(coroutine.handle()),
          context(context_ref::copy_current()),
          root(&coroutine),
          number_(++l.tasks_made) {
        l.tasks.push_back(*this);
        coroutine.task = this;
        coroutine.parent = nullptr;
        coroutine.child = nullptr;
        coroutine.started = true;
    }

    bool cancel(const cancel_ref& why) override;
    [[nodiscard]] std::string describe() const override;
    std::uint32_t uncancel() noexcept;

    /// A frame is about to suspend until `n` wakes the task. A pending cancel is delivered to `n`
    /// at once.
    void wait_on(promise_base& leaf, wait_node& n) noexcept {
        resume_at = leaf.handle();
        waiting_on = &n;
        if (must_cancel) [[unlikely]]
            deliver_pending_cancel();
    }
    /// The running task's frame is about to let the others run first. Gives the task.
    static task_state_base& yield(promise_base& leaf) noexcept {
        // Found by way of the thread. By way of the frame it would take four loads, each of what
        // the one before gave, until it is known where the queue goes on, and the next turn needs
        // that.
        loop_core& l = *loop_of_turn;
        task_state_base& t = *l.current_task;
        t.resume_at = leaf.handle();
        l.ready.push(t);  // the loop runs: no host waits for it
        return t;
    }
    /// What the task waited on has happened.
    void wake() noexcept {
        waiting_on = nullptr;
        loop->schedule(*this);
    }
    /// It may have happened: the task's turn begins with look() of what it waits on.
    void wake_to_look() noexcept {
        run = &look_first;
        loop->schedule(*this);
    }
    /// Was it woken to look, and has not had its turn?
    [[nodiscard]] bool will_look() const noexcept { return run == &look_first; }
    /// It was woken, but has to wait on: its turn comes all the same, and begins with a look.
    void wait_again(wait_node& n) noexcept {
        run = &look_first;
        waiting_on = &n;
    }
    /// As wake(), where the task may be queued to look already: that turn comes, without a look.
    void wake_to_go_on() noexcept {
        if (!will_look()) [[likely]] {
            wake();
            return;
        }
        run = usual_step();
        waiting_on = nullptr;
    }
    /// Throws the cancel that is due.
    [[noreturn, gnu::always_inline]] void throw_cancel() {
        must_cancel = 0;
        throw_cancelled(cancel_why);
    }
    /// The same without a throw: its reason.
    [[nodiscard]] const cancel_ref* take_cancel() noexcept {
        must_cancel = 0;
        return &cancel_why;
    }
    /// For waits that hand a grant back when a cancel came after it.
    [[nodiscard]] bool take_pending_cancel() noexcept { return std::exchange(must_cancel, 0) != 0; }
    /// Was the cancel that was not delivered yet requested when only so many had been?
    [[nodiscard]] bool was_pending_at(std::uint32_t requests) const noexcept {
        return must_cancel > cancel_requests - requests;
    }

    /// Queues the first step, or runs it now.
    void start(bool eager) {
        if (!eager || running_loop != loop || loop->eager_starts.is_deep()) [[likely]]
            loop->schedule(*this);
        else
            run_first_step();
    }
    [[nodiscard]] bool started() const noexcept { return run != &first_step; }
    /// Does the loop hold a reference to it? Until it is done, and has told its waiters.
    [[nodiscard]] bool held_by_loop() const noexcept { return task_link::linked(); }
    [[nodiscard]] std::string name() const;
    /// Counts the loop's tasks from 1.
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// Is a node of the ready queue that runs `f` a task's step?
    [[nodiscard]] static bool is_step(run_function f) noexcept {
        return f == &step || f == &first_step || f == &look_first || f == &special_step;
    }
    void set_name(std::string_view name);
    /// What it waits for in the end, through the tasks that it awaits; null: nothing.
    [[nodiscard]] const wait_node* innermost_wait() const noexcept;
    /// Runs in a context that it shares with others.
    void share_context(const ref<context_cell>& cell);
    /// Destroys the frames, innermost first. The task ends cancelled without having run further.
    void drop() noexcept;

    std::coroutine_handle<> resume_at;
    context_ref context;
    std::unique_ptr<task_extras> extras;
    wait_node* waiting_on = nullptr;
    std::uint32_t cancelling = 0;       ///< requests that were not taken back
    std::uint32_t cancel_requests = 0;  ///< how many were ever made: the number of the last one
    promise_base* root;                 ///< null once the frames are gone

   protected:
    [[gnu::always_inline]] ~task_state_base() override {
        if (root != nullptr) [[unlikely]]
            destroy_frames();
        if (unretrieved) [[unlikely]]
            report_unretrieved_error();
    }
    /// Of what its destructor does, only to forget the loop is left. It ended with a value: so its
    /// frames are gone, it has no exception, and all who listened were told; nobody begins to
    /// listen to what is done.
    [[nodiscard]] bool is_spent() const noexcept {
        return status == future_status::value && !cancel_why && !extras && context.empty();
    }
    /// Moves the coroutine's result into the state. There is one.
    virtual void take_result(promise_base& p) = 0;

   private:
    friend class asyncio::event_loop;
    friend class loop_core;
    friend exception_trace& trace_of(task_state_base& t);
    class step_scope;
    static void first_step(ready_node& n);
    static void step(ready_node& n);
    static void special_step(ready_node& n);
    static void look_first(ready_node& n);
    [[nodiscard]] run_function usual_step() const noexcept {
        if (extras == nullptr || !extras->shared_context) [[likely]]
            return &step;
        return &special_step;
    }
    bool begin();
    bool look();
    void run_first_step();
    void run_special_step();
    void run_timed_step();
    void report_slow_step(std::chrono::nanoseconds took, const std::string& before);
    bool run_frames(loop_core& l);
    void run_step(loop_core& l);
    static void leave_step(loop_core& l) noexcept;
    void end_coroutine();
    void finish_task();
    void end_step(loop_core& l);
    void finish_with_error();
    void destroy_frames() noexcept;
    void report_pending() noexcept;
    void report_unretrieved_error() noexcept;
    void deliver_pending_cancel() noexcept;

    task_extras& make_extras();
    std::uint64_t number_;
};

/// The references that one who listens to `f` has a right to: his own, and those that are gone when
/// all who listen have been told: the loop's of a task, and a future's own. None if a callback is
/// still to be told, which wants the value, too.
[[nodiscard]] inline std::uint32_t own_references(future_state_base& f) noexcept {
    if (f.waiters().has_callback()) [[unlikely]]
        return 0;
    const bool by_loop = f.is_task && static_cast<const task_state_base&>(f).held_by_loop();
    return 1U + (by_loop ? 1U : 0U) + (f.keeps_itself ? 1U : 0U);
}

/// What the trampoline finds when the task's own coroutine has reached its end: no coroutine, but
/// the address of the loop.
inline std::coroutine_handle<> end_of_task(loop_core& l) noexcept {
    return std::coroutine_handle<>::from_address(&l);
}

/// Starts `child` in its parent's task. False: it has ended already and the parent goes on.
inline bool start_child(promise_base& parent, promise_base& child, std::coroutine_handle<> h,
                        std::coroutine_handle<>* owner) noexcept {
    constexpr std::uint32_t levels_per_stack = 64;
    child.started = child.inline_run = true;
    child.parent = &parent;
    child.child = nullptr;
    child.owner = owner;
    child.task = parent.task;
    child.depth = parent.depth + 1;
    parent.child = &child;
    if (child.depth % levels_per_stack == 0) [[unlikely]] {
        child.inline_run = false;
        child.task->loop->resume_next = h;
        return true;
    }
    h.resume();
    if (h.done()) return false;
    child.inline_run = false;
    return true;
}

template <class P>
[[gnu::always_inline]] inline void final_awaiter::await_suspend(
    std::coroutine_handle<P> h) noexcept {
    promise_base& p = h.promise();
    if (p.inline_run) return;
    loop_core& l = *loop_of_turn;
    l.resume_next = p.parent != nullptr ? p.parent->handle() : end_of_task(l);
}

/// The running task awaits something that failed: what is known of the exception's way so far comes
/// along.
void meet_exception(const future_state_base& failed) noexcept;
/// The awaits that `e` went through before it ended the task, as lines of a report; empty if
/// unknown.
[[nodiscard]] std::string format_trace(const task_state_base& t, const std::exception_ptr& e);
[[nodiscard]] std::string format_stack(const task_state_base& t);
/// The same without its heading.
[[nodiscard]] std::string format_frames(const task_state_base& t);

}  // namespace asyncio::detail
