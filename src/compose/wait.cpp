#include "asyncio/compose/wait.hpp"

#include <string>

#include "asyncio/compose/gather.hpp"
#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

wait_for_many::wait_for_many(std::vector<ref<future_state_base>> states, wait_options options)
    : states_(std::move(states)), options_(options) {
    if (states_.empty())
        throw_invalid_argument(
            "asyncio: wait() needs at least one task; for none there is nothing to wait for");
    (void)common_loop("wait", states_.data(), states_.size());
    collapse_duplicates(states_);
}

wait_for_many::wait_for_many(wait_for_many&& o) noexcept
    : wait_node(o), states_(std::move(o.states_)), options_(o.options_) {}

wait_for_many::~wait_for_many() { detach(); }

bool wait_for_many::satisfied() noexcept {
    done_ = 0;
    bool failed = false;
    for (const ref<future_state_base>& s : states_) {
        if (s->done()) ++done_;
        if (s->status == future_status::error) failed = true;
    }
    return enough(done_, failed);
}

bool wait_for_many::enough(std::size_t done, bool failed) const noexcept {
    if (done == states_.size()) return true;
    switch (options_.return_when) {
        case return_when::first_completed:
            return done > 0;
        case return_when::first_exception:
            return failed;
        case return_when::all_completed:
            break;
    }
    return false;
}

void wait_for_many::suspend(promise_base& p) {
    task_state_base& t = *p.task;
    if (states_.front()->loop != t.loop)
        throw_runtime_error(
            "asyncio: wait(): these tasks belong to another event loop; wait for them there");
    detach();
    woken_ = cancelled_ = false;
    task_ = &t;
    yielded_ = satisfied();
    if (yielded_) {
        task_state_base::yield(p);
        return;
    }
    listeners_ = std::make_unique<listener[]>(states_.size());
    if (!options_.timeout.is_forever()) {
        limit_.owner = this;
        limit_.arm(*t.loop, options_.timeout.after(t.loop->now()));
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
        listeners_[i].owner = this;
        if (!states_[i]->done()) states_[i]->add_waiter(listeners_[i]);
    }
    t.wait_on(p, *this);
}

void wait_for_many::one_done(const future_state_base& f) noexcept {
    if (enough(++done_, f.status == future_status::error)) wake_once();
}

void wait_for_many::wake_once() noexcept {
    if (std::exchange(woken_, true)) return;
    task_->wake();
}

void wait_for_many::detach() noexcept {
    listeners_.reset();
    if (task_ != nullptr) limit_.disarm(*task_->loop);
}

bool wait_for_many::cancel_wait(task_state_base&, const cancel_ref&) noexcept {
    detach();
    cancelled_ = true;
    wake_once();
    return true;
}

void wait_for_many::finish_wait() {
    detach();
    if (cancelled_ || (yielded_ && task_->must_cancel != 0)) task_->throw_cancel();
}

std::string wait_for_many::describe() const {
    return "wait() for " + std::to_string(states_.size()) + " tasks";
}

}  // namespace asyncio::detail
