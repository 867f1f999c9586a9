#include "asyncio/executor/wrap_future.hpp"

#include "executor/executor_room.hpp"

namespace asyncio::detail {

wrap_link::wrap_link(event_loop& loop, ref<concurrent_state_base> source) noexcept
    : handle_state(loop), source_(std::move(source)) {
    set_what("the arrival of a thread's result");
}

wrap_link::~wrap_link() = default;

void wrap_link::start(event_loop& loop, ref<future_state_base> future, wrap_link*& back) {
    executor_room& room = executor_room::of(loop);
    box_ = room.box;
    source_->add_listener(
        [self = ref<wrap_link>(this)] { self->box_->post(ref<handle_state>(self.get())); });
    future_ = std::move(future);
    back_ = &back;
    back = this;
    add_ref();  // the room's reference
    room.entries.push_back(*this);
}

/// Everything between here and start() happens once.
ref<future_state_base> wrap_link::leave() noexcept {
    if (!future_) return {};
    *back_ = nullptr;
    list_hook::unlink();
    release();  // the room's reference; the caller has one
    return std::move(future_);
}

bool wrap_link::cancel(const cancel_ref& why) {
    if (source_->status() == concurrent_status::finished) {
        const ref<handle_state> self(this);
        deliver(*leave());
        return false;
    }
    source_->disown();
    // Callbacks and destructors of the work run in the next round: a cancel runs no foreign code.
    claimed_ = source_->claim_cancel(why);
    if (claimed_) queue();
    return future_->future_state_base::cancel(why);
}

void wrap_link::invoke() {
    const ref<future_state_base> to = leave();
    if (!to) return;
    if (claimed_)
        source_->settle_cancel();
    else
        deliver(*to);
}

void wrap_link::deliver(future_state_base& to) {
    if (to.done()) {
        source_->disown();
        return;
    }
    if (source_->status() == concurrent_status::cancelled) {
        to.future_state_base::cancel(source_->cancel_why());
        return;
    }
    std::exception_ptr error = source_->take_exception();
    try {
        if (!error) move_value(to);
    } catch (...) {
        error = std::current_exception();
    }
    if (error)
        to.set_exception(std::move(error));
    else
        to.finish(future_status::value);
}

void wrap_link::loop_closed() noexcept {
    const ref<handle_state> self(this);
    const ref<future_state_base> to = leave();
    if (claimed_) source_->settle_cancel();
}

}  // namespace asyncio::detail
