#include "asyncio/compose/gather.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

gather_base::gather_base(future_state_base& self, gather_children&& children,
                         bool keep_errors) noexcept
    : self_(self),
      children_(std::move(children)),
      left_(children_.size()),
      keep_errors_(keep_errors) {}

gather_base::~gather_base() {
    // It has ended, and nobody waits for the rest. One that is dropped before that lets its
    // children report for themselves.
    if (left_ == 0 || !self_.done()) return;
    for (std::size_t i = 0; i < size(); ++i)
        if (!child(i).done()) child(i).expected = true;
}

void gather_base::listen() noexcept {
    if (size() == 0) finish_all();
    for (std::size_t i = 0; i < size(); ++i) {
        gather_child& c = children_[i];
        c.parent = this;
        if (c.state->done())
            child_done(c);
        else
            c.state->add_waiter(c);
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
    for (std::size_t i = 0; i < size(); ++i) child(i).cancel(why);
}

std::string gather_base::describe_children() const {
    std::string text = "gather() of " + std::to_string(size()) + ", of which ";
    text += std::to_string(left_) + (left_ == 1 ? " is" : " are") + " not done";
    for (std::size_t i = 0; i < size(); ++i) {
        if (child(i).done()) continue;
        text += left_ > 1 ? ", the first: " : ": ";
        return text + child(i).describe_as_part();
    }
    return text;
}

void gather_child::future_done(future_state_base& f) noexcept {
    if (parent->left_ > 1 && f.status == future_status::value) [[likely]] {
        --parent->left_;
        return;
    }
    const ref<future_state_base> keep(&parent->self_);
    parent->child_done(*this);
}

void gather_base::child_done(gather_child& c) noexcept {
    --left_;
    future_state_base& f = *c.state;
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

namespace {

/// state_at(i) gives the i-th of `n` handles.
template <class StateAt>
loop_core& loop_of_all(const char* operation, std::size_t n, StateAt state_at) {
    if (n == 0) return loop_for(operation);
    for (std::size_t i = 0; i < n; ++i) {
        if (!state_at(i)) throw_empty_future();
        if (state_at(i)->loop != state_at(0)->loop)
            throw std::invalid_argument(
                std::string("asyncio: ") + operation +
                ": these futures belong to different event loops; await each on its own loop");
    }
    return *state_at(0)->loop;
}

}  // namespace

loop_core& gather_children::find_loop() const {
    return loop_of_all("gather", count_,
                       [this](std::size_t i) -> const auto& { return each_[i].state; });
}

loop_core& common_loop(const char* operation, const ref<future_state_base>* states, std::size_t n) {
    return loop_of_all(operation, n, [&](std::size_t i) -> const auto& { return states[i]; });
}

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
