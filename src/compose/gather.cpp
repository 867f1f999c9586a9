#include "asyncio/compose/gather.hpp"

namespace asyncio::detail {

gather_base::gather_base(future_state_base& self, std::size_t children, bool keep_errors)
    : self_(self),
      children_(std::make_unique<gather_child[]>(children)),
      count_(children),
      left_(children),
      keep_errors_(keep_errors) {}

gather_base::~gather_base() {
    // Nobody waits any more; what still runs was none of the caller's worries.
    for (std::size_t i = 0; i < count_; ++i)
        if (children_[i].state && !children_[i].state->done()) children_[i].state->expected = true;
}

void gather_base::set_child(std::size_t i, const ref<future_state_base>& f) {
    children_[i].parent = this;
    children_[i].state = f;
}

void gather_base::listen() noexcept {
    if (count_ == 0) finish_all();
    for (std::size_t i = 0; i < count_; ++i) {
        gather_child& c = children_[i];
        if (c.state->done())
            child_done(c);
        else
            c.state->add_waiter(c);
    }
}

bool gather_base::cancel_children(const cancel_ref& why) {
    if (self_.done()) return false;
    bool any = false;
    for (std::size_t i = 0; i < count_; ++i)
        if (children_[i].state->cancel(why)) any = true;
    if (any) cancel_requested_ = true;
    return any;
}

void gather_child::future_done(future_state_base&) noexcept {
    const ref<future_state_base> keep(&parent->self_);
    parent->child_done(*this);
}

void gather_child::future_dropped() noexcept {}

void gather_base::child_done(gather_child& c) noexcept {
    --left_;
    future_state_base& f = *c.state;
    f.mark_retrieved();
    if (self_.done()) return;
    if (!keep_errors_ && f.status != future_status::value) {
        if (cancel_requested_ && left_ > 0 && f.status == future_status::cancelled) return;
        self_.exception = f.error_or_cancel();
        self_.unretrieved = f.status == future_status::error && !self_.expected;
        self_.finish(future_status::error);
        return;
    }
    if (left_ == 0) finish_all();
}

void gather_base::finish_all() noexcept {
    if (cancel_requested_) {
        for (std::size_t i = 0; i < count_; ++i)
            if (children_[i].state->status == future_status::cancelled)
                self_.cancel_why = children_[i].state->cancel_why;
        self_.exception = std::make_exception_ptr(cancelled_error(self_.cancel_why));
        self_.finish(future_status::error);
        return;
    }
    try {
        collect();
        self_.finish(future_status::value);
    } catch (...) {
        self_.set_exception(std::current_exception());
    }
}

loop_core& common_loop(const ref<future_state_base>* states, std::size_t n) {
    if (n == 0) return loop_for("gather");
    for (std::size_t i = 1; i < n; ++i)
        if (states[i]->loop != states[0]->loop)
            throw_invalid_argument(
                "asyncio: these futures belong to different event loops; await each on its own "
                "loop");
    return *states[0]->loop;
}

}  // namespace asyncio::detail
