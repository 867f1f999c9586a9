#include "asyncio/compose/task_group.hpp"

#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>

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
    if (f.status == future_status::error) {
        group.fail_soon(*this, f);
        return;
    }
    group_state& g = group;
    delete this;
    g.child_gone();
}

void group_child::future_dropped() noexcept { delete this; }

namespace {

/// Null if there is no memory for it: a group that cannot say why still ends.
cancel_ref body_failed(const task_state_base& parent) noexcept {
    try {
        return make_cancel("the body of the task_group failed", cancel_kind::sibling_failed,
                           parent.name(), {});
    } catch (...) {
        return {};
    }
}

/// Who awaits a child that fails fails with the same error: it counts once.
void drop_repeated(std::vector<std::exception_ptr>& errors) {
    if (errors.size() < 2) return;
    std::unordered_set<const void*> seen;
    std::erase_if(
        errors, [&](const std::exception_ptr& e) { return !seen.insert(thrown_object(e)).second; });
}

cancel_ref child_has_failed(const task_state_base& child) noexcept {
    try {
        const std::string name = child.name();
        return make_cancel("task '" + name + "' of the group failed", cancel_kind::sibling_failed,
                           name, child.created);
    } catch (...) {
        return {};
    }
}

}  // namespace

group_state::~group_state() {
    // The block's frame was destroyed with children running: they go on alone.
    while (!children_.empty()) delete &children_.front().child;
    if (leaving_) leaving_->close();
}

void group_state::enter() {
    if (phase_ != phase::created)
        throw std::runtime_error(
            "asyncio: a task_group is used once; make a new one for each block");
    event_loop& loop = loop_for("task_group");
    if (loop.current_task == nullptr)
        throw std::runtime_error(
            "asyncio: task_group must be used inside a task, not in a plain callback");
    leaving_.emplace(leave());
    parent_.enter(*loop.current_task);
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

void group_state::adopt(std::unique_ptr<group_child> c, task_state_base& t) {
    if (t.done() && t.status != future_status::error) return;
    group_child& child = *c.release();
    child.task = &t;
    children_.push_back(child.in_group);
    if (t.done()) {
        fail_soon(child, t);
        return;
    }
    t.add_waiter(child);
    // An eager child may have aborted the group in its first step.
    if (aborting_) t.cancel(abort_why_);
}

/// What follows from a failure happens in the next round: not inside the create_task of an eager
/// child, and not before its siblings have begun. Until then the child counts as running.
void group_state::fail_soon(group_child& c, future_state_base& f) noexcept {
    const auto fail = [](const ref<group_state>& self, group_child* child,
                         const ref<future_state_base>& failed) {
        delete child;
        self->child_failed(*failed);
    };
    const ref<group_state> self(this);
    const ref<future_state_base> failed(&f);
    try {
        static_cast<event_loop&>(*f.loop).call_soon(fail, self, &c, failed);
    } catch (...) {
        fail(self, &c, failed);  // out of memory: then at once
    }
}

void group_state::child_failed(future_state_base& f) {
    f.mark_retrieved();
    if (is_fatal(f.exception) && !fatal_) fatal_ = f.exception;
    try {
        errors_.push_back(f.exception);
    } catch (...) {
        if (!fatal_) fatal_ = std::current_exception();  // the block throws that instead
    }
    if (!aborting_) abort(child_has_failed(static_cast<const task_state_base&>(f)));
    child_gone();
}

void group_state::child_gone() noexcept {
    if (children_.empty() && waiting_ != nullptr) waiting_->children_are_gone();
}

/// Cancels the children, and the body if it still runs. A cancel only marks and queues; no child
/// ends here.
void group_state::abort(const cancel_ref& why) {
    aborting_ = true;
    abort_why_ = why;
    for (group_child::link& l : children_) l.child.task->cancel(why);
    if (phase_ == phase::open) parent_.request(why);
}

void group_state::cancel(std::source_location where) {
    if (phase_ == phase::created) check_can_create();
    if (aborting_ || phase_ == phase::over) return;
    abort(cancel_request("the task_group was cancelled", where));
}

coroutine<bool> group_state::exit(const std::exception_ptr& error) {
    body_error_ = error;
    coroutine<bool> c = leaving_ ? std::move(*leaving_) : leave();
    leaving_.reset();
    return c;
}

coroutine<bool> group_state::leave() {
    const std::exception_ptr error = std::move(body_error_);
    phase_ = phase::exiting;
    const cancelled_error* cancelled = as_cancelled(error);
    if (error && !aborting_)
        abort(cancelled != nullptr ? cancelled->record() : body_failed(parent_.task()));
    // What goes on in the end: the cancel that ended the body, or the first one that came later.
    std::exception_ptr cancel = cancelled != nullptr ? error : nullptr;
    while (!children_.empty()) {
        try {
            co_await group_wait(*this);
        } catch (const cancelled_error& e) {
            if (!cancel) cancel = std::current_exception();
            if (!aborting_) abort(e.record());
        }
    }
    phase_ = phase::over;
    parent_.take_back();
    if (is_fatal(error)) std::rethrow_exception(error);
    if (fatal_) std::rethrow_exception(fatal_);
    if (error && cancelled == nullptr) errors_.push_back(error);
    drop_repeated(errors_);
    if (errors_.empty()) {
        if (cancel && (parent_.others_too() || !parent_.requested()))
            std::rethrow_exception(parent_.of_the_others(std::move(cancel)));
        co_return true;
    }
    if (parent_.others_too()) {
        // Somebody else cancelled the task, too: that cancel comes again, at its next await.
        task_state_base& t = parent_.task();
        const cancel_ref why = t.cancel_why;
        t.uncancel();
        t.cancel(why);
    }
    throw exception_group("unhandled errors in a task_group", std::move(errors_));
}

void throw_moved_group() {
    throw_invalid_state("asyncio: this task_group was moved from; use the one that it became");
}

}  // namespace asyncio::detail
