#include "asyncio/compose/gather.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

/// Listens to a child for a gather that is not the child's first listener.
class gather_base::relay final : public done_node, public pooled {
   public:
    explicit relay(gather_base& parent) noexcept : parent_(parent) {}

   private:
    void future_done(future_state_base& f) noexcept override { parent_.future_done(f); }
    gather_base& parent_;
};

gather_base::gather_base(future_state_base& self, gather_children&& children,
                         bool keep_errors) noexcept
    : self_(self),
      children_(std::move(children)),
      left_(children_.size()),
      keep_errors_(keep_errors) {}

gather_base::~gather_base() {
    if (left_ == 0) return;
    for (const auto& child : children_) {
        if (child->done()) continue;
        child->waiters().remove_first(*this);
        // It has ended, and nobody waits for the rest. One that is dropped before that lets its
        // children report for themselves.
        if (self_.done()) child->expected = true;
    }
}

void gather_base::listen() {
    if (left_ == 0) finish_all();
    for (const auto& child : children_) {
        if (child->done()) {
            child_done(*child);
        } else if (!child->waiters().add_first(*this)) {
            relays_.push_back(std::make_unique<relay>(*this));
            child->add_waiter(*relays_.back());
        }
    }
}

bool gather_base::cancel_children(const cancel_ref& why) {
    self_.mark_retrieved();
    if (self_.done()) return false;
    // Said first: a plain future ends right here.
    cancel_requested_ = true;
    self_.cancel_why = why;
    if (!self_.loop->gather_cancels.is_deep() || !pass_cancel_on_later()) pass_cancel_on();
    return true;
}

/// False: there is no memory for that.
bool gather_base::pass_cancel_on_later() {
    try {
        static_cast<event_loop&>(*self_.loop)
            .call_soon([this, keep = ref<future_state_base>(&self_)] { pass_cancel_on(); });
        return true;
    } catch (...) {
        return false;
    }
}

/// A child that waits for a gather of its own passes it on from there.
void gather_base::pass_cancel_on() {
    const nested_calls::level level(self_.loop->gather_cancels);
    const cancel_ref why = self_.cancel_why;
    for (const auto& child : children_) child->cancel(why);
}

std::string gather_base::describe_children() const {
    std::string text = "gather() of " + std::to_string(children_.size()) + ", of which ";
    text += std::to_string(left_) + (left_ == 1 ? " is" : " are") + " not done";
    for (const auto& child : children_) {
        if (child->done()) continue;
        text += left_ > 1 ? ", the first: " : ": ";
        return text + child->describe_as_part();
    }
    return text;
}

void gather_base::future_done(future_state_base& f) noexcept {
    if (left_ > 1 && f.status == future_status::value) [[likely]] {
        --left_;
        return;
    }
    const kept_alive keep(self_);
    child_done(f);
}

void gather_base::child_done(future_state_base& f) noexcept {
    --left_;
    f.mark_retrieved();
    if (self_.done()) return;
    const bool cancelled = f.status == future_status::cancelled;
    if (!keep_errors_ && f.status != future_status::value && !(cancelled && cancel_requested_)) {
        fail(f.error_or_cancel(), !cancelled);
        return;
    }
    if (left_ == 0) finish_all();
}

void gather_base::fail(std::exception_ptr e, bool is_error) noexcept {
    // Not cancelled() even if a cancel is what it ends with: nobody cancelled the gather itself.
    self_.exception = std::move(e);
    self_.unretrieved = is_error && !self_.expected;
    self_.finish(future_status::error);
}

void gather_base::finish_all() noexcept {
    if (cancel_requested_) {
        fail(make_cancelled(self_.cancel_why), false);
        return;
    }
    try {
        collect();
    } catch (...) {
        self_.set_exception(std::current_exception());
        return;
    }
    self_.finish(future_status::value);
}

loop_core& common_loop(const char* operation, const ref<future_state_base>* states, std::size_t n) {
    if (n == 0) return loop_for(operation);
    for (std::size_t i = 0; i < n; ++i) {
        if (!states[i]) throw_empty_future();
        if (states[i]->loop != states[0]->loop)
            throw std::invalid_argument(
                std::string("asyncio: ") + operation +
                ": these futures belong to different event loops; await each on its own loop");
    }
    return *states[0]->loop;
}

loop_core& gather_children::find_loop() const { return common_loop("gather", each_, count_); }

void collapse_duplicates(std::vector<ref<future_state_base>>& states) {
    // Sorted by address only to find them; nothing depends on how the addresses compare.
    std::vector<std::pair<std::uintptr_t, std::size_t>> places(states.size());
    for (std::size_t i = 0; i < states.size(); ++i)
        places[i] = {reinterpret_cast<std::uintptr_t>(states[i].get()), i};
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
        if (places[i].first == places[i - 1].first) states[places[i].second] = {};
    std::erase_if(states, [](const ref<future_state_base>& s) { return !s; });
}

}  // namespace asyncio::detail
