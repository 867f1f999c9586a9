#include "asyncio/compose/task_group.hpp"

#include <string>

#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

/// Waits until the group has no children.
class group_wait final : public wait_node {
   public:
    using asyncio_awaiter = void;
    explicit group_wait(group_state& g) noexcept : group_(g) {}
    group_wait(const group_wait&) = delete;
    ~group_wait() { group_.waiting_ = nullptr; }
    [[nodiscard]] bool await_ready() const noexcept { return group_.children_.empty(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        task_ = h.promise().task;
        group_.waiting_ = this;
        task_->wait_on(h.promise(), *this);
    }
    void await_resume() {
        if (cancelled_) task_->throw_cancel();
    }
    void children_are_gone() noexcept {
        group_.waiting_ = nullptr;
        task_->wake();
    }

   private:
    bool cancel_wait(task_state_base& t, const cancel_ref&) noexcept override {
        group_.waiting_ = nullptr;
        cancelled_ = true;
        t.wake();
        return true;
    }
    [[nodiscard]] std::string describe() const override {
        return "the " + std::to_string(group_.children_.size()) + " tasks of its task_group";
    }
    group_state& group_;
    task_state_base* task_ = nullptr;
    bool cancelled_ = false;
};

void group_child::future_done(future_state_base& f) noexcept {
    group_state& g = group;
    delete this;
    g.child_done(f);
}

void group_child::future_dropped() noexcept { delete this; }

group_state::~group_state() {
    // The block's frame was destroyed with children running: they go on alone.
    while (!children_.empty()) delete &children_.front().child;
}

void group_state::enter() {
    if (phase_ != phase::created)
        throw std::runtime_error(
            "asyncio: a task_group is used once; make a new one for each block");
    event_loop& loop = loop_for("task_group");
    if (loop.current_task == nullptr)
        throw std::runtime_error(
            "asyncio: task_group must be used inside a task, not in a plain callback");
    parent_ = loop.current_task;
    baseline_ = parent_->cancelling;
    phase_ = phase::open;
}

void group_state::check_can_create() const {
    switch (phase_) {
        case phase::created:
            throw std::runtime_error(
                "asyncio: the task_group was not entered: use it with co_await "
                "asyncio::with(task_group(), body)");
        case phase::over:
            throw std::runtime_error("asyncio: the task_group is finished; its block is over");
        default:
            break;
    }
    if (aborting_)
        throw std::runtime_error(
            "asyncio: the task_group is shutting down, because a task failed or it was cancelled");
}

void group_state::adopt(task_state_base& t) {
    if (!t.done()) {
        auto* c = new group_child(*this, t);
        children_.push_back(c->in_group);
        t.add_waiter(*c);
        return;
    }
    // An eager child that is done already: what follows from its failure must not happen inside
    // create_task.
    if (t.status != future_status::error) return;
    loop_for("task_group")
        .call_soon([](const ref<group_state>& self,
                      const ref<future_state_base>& f) { self->child_done(*f); },
                   ref<group_state>(this), ref<future_state_base>(&t));
}

void group_state::child_done(future_state_base& f) {
    if (f.status == future_status::error) {
        f.mark_retrieved();
        if (is_fatal(f.exception) && !fatal_) fatal_ = f.exception;
        errors_.push_back(f.exception);
        if (!aborting_ && !parent_cancel_requested_ && phase_ != phase::over) {
            const auto& failed = static_cast<const task_state_base&>(f);
            const cancel_ref why =
                make_cancel("task '" + failed.name() + "' of the group failed",
                            cancel_kind::sibling_failed, failed.name(), f.created);
            abort_children(why);
            cancel_parent(why);
        }
    }
    if (children_.empty() && waiting_ != nullptr) waiting_->children_are_gone();
}

void group_state::abort_children(const cancel_ref& why) {
    aborting_ = true;
    // A cancel only marks and queues; no child ends here.
    for (group_child::link& l : children_) l.child.task.cancel(why);
}

void group_state::cancel_parent(const cancel_ref& why) {
    parent_cancel_requested_ = true;
    parent_->cancel(why);
}

void group_state::cancel(std::source_location where) {
    if (phase_ == phase::created) check_can_create();
    if (aborting_ || phase_ == phase::over) return;
    const cancel_ref why = cancel_request("the task_group was cancelled", where);
    abort_children(why);
    if (phase_ == phase::open) cancel_parent(why);
}

coroutine<bool> group_state::exit(std::exception_ptr error) {
    phase_ = phase::exiting;
    std::exception_ptr propagate;
    const cancelled_error* cancelled = as_cancelled(error);
    if (cancelled != nullptr) propagate = error;
    if (is_fatal(error)) fatal_ = error;
    if (error && !aborting_)
        abort_children(cancelled != nullptr
                           ? cancelled->record()
                           : make_cancel("the body of the task_group failed",
                                         cancel_kind::sibling_failed, parent_->name(), {}));
    while (!children_.empty()) {
        try {
            co_await group_wait(*this);
        } catch (const cancelled_error& e) {
            if (!aborting_) {
                propagate = std::current_exception();
                abort_children(e.record());
            }
        }
    }
    phase_ = phase::over;
    if (fatal_) std::rethrow_exception(fatal_);
    if (parent_cancel_requested_ && parent_->uncancel() <= baseline_) {
        parent_->must_cancel = false;
        propagate = nullptr;
    }
    if (propagate && errors_.empty()) std::rethrow_exception(propagate);
    if (error && cancelled == nullptr) errors_.push_back(error);
    if (errors_.empty()) co_return true;
    if (parent_->cancelling > baseline_) {
        // Somebody else cancelled the parent, too: that cancel comes again, at its next await.
        const cancel_ref why = parent_->pending_why;
        parent_->uncancel();
        parent_->cancel(why);
    }
    throw exception_group("unhandled errors in a task_group", std::move(errors_));
}

}  // namespace asyncio::detail
