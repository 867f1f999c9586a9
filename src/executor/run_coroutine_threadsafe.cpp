#include "asyncio/executor/run_coroutine_threadsafe.hpp"

#include <exception>

#include "executor/executor_room.hpp"

namespace asyncio::detail {

namespace {

/// Brings a cancel to the loop.
class canceller final : public handle_state {
   public:
    explicit canceller(submission& s) noexcept : handle_state(s.loop()), submission_(&s) {}

   private:
    void invoke() override { submission_->cancel_task(); }
    ref<submission> submission_;
};

cancel_ref loop_is_gone() {
    return make_cancel("the event loop was closed before the coroutine was done",
                       cancel_kind::shutdown, {}, std::source_location::current());
}

}  // namespace

submission::submission(event_loop& loop, ref<concurrent_state_base> target) noexcept
    : handle_state(loop), target_(std::move(target)) {
    set_what("a coroutine from another thread");
}

/// The loop may have been closed before it began; afterwards this finds everything done.
submission::~submission() {
    if (target_ && !target_->done()) target_->cancel(loop_is_gone());
}

void submission::post(event_loop& loop, const ref<submission>& s) {
    if (!loop.post(ref<handle_state>(s.get())))
        throw_runtime_error("asyncio: run_coroutine_threadsafe: the event loop is closed");
}

void submission::invoke() {
    if (!started_)
        start();
    else
        deliver(true);
}

void submission::start() {
    started_ = true;
    if (target_->done()) {
        close_coroutine();  // cancelled before it began
        return;
    }
    auto& on = static_cast<event_loop&>(loop());
    try {
        executor_room& room = executor_room::of(on);
        ref<handle_state> cancel(new canceller(*this));
        task_ = make_task(on);
        add_ref();  // the room's reference, until deliver()
        room.entries.push_back(*this);
        task_->add_waiter(*this);
        if (!target_->set_canceller(room.box, std::move(cancel))) cancel_task();
    } catch (...) {
        close_coroutine();
        target_->finish(std::current_exception());
    }
}

void submission::cancel_task() noexcept {
    if (task_) task_->cancel(target_->cancel_why());
}

void submission::deliver(bool loop_is_open) noexcept {
    if (!task_) return;
    ref<future_state_base> task = std::move(task_);
    loop_entry::unlink();
    std::exception_ptr error;
    if (task->status == future_status::value) {
        try {
            move_value(*task);
        } catch (...) {
            error = std::current_exception();
        }
    } else if (task->status == future_status::error) {
        // An error for which nobody can ask is left to the task, which reports it. A cancel that
        // came too late is nobody's business.
        const bool taken = target_->done() ? static_cast<task_state_base&>(*task).cancelling == 0
                                           : target_->handles() > 0;
        if (taken) error = task->error_or_cancel();
    } else if (loop_is_open) {
        error = task->error_or_cancel();
    } else {
        error = make_cancelled(loop_is_gone());
    }
    task = {};  // from here on the error belongs to the other thread
    target_->finish(std::move(error));
    release();  // the room's reference
}

void submission::loop_closed() noexcept {
    const ref<handle_state> self(this);
    deliver(false);
}

}  // namespace asyncio::detail
