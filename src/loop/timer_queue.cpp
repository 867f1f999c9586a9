#include "asyncio/loop/timer_queue.hpp"

namespace asyncio::detail {

void timer_queue::arm(timer_node& n, time_point when, timer_node::fire_function fire) {
    heap_.push_back({when, &n});
    n.when_ = when.time_since_epoch();
    n.order_ = ++armed_;
    n.fire_ = fire;
    sift_up(heap_.size() - 1, {when, &n});
}

void timer_queue::remove(timer_node& n) noexcept {
    const std::size_t hole = n.index_;
    n.index_ = timer_node::not_armed;
    const entry last = heap_.back();
    heap_.pop_back();
    if (hole == heap_.size()) return;
    if (hole > 0 && before(last, heap_[(hole - 1) / 4]))
        sift_up(hole, last);
    else
        sift_down(hole, last);
}

std::size_t timer_queue::fire_due(time_point now) noexcept {
    std::size_t fired = 0;
    for (; !heap_.empty() && heap_.front().when <= now; ++fired) {
        timer_node& n = *heap_.front().node;
        remove(n);
        n.fire_(n, timer_event::due);
    }
    return fired;
}

void timer_queue::clear() noexcept {
    while (!heap_.empty()) {
        timer_node& n = *heap_.back().node;
        remove(n);
        n.fire_(n, timer_event::dropped);
    }
}

void timer_queue::sift_up(std::size_t i, entry e) noexcept {
    while (i > 0) {
        const std::size_t parent = (i - 1) / 4;
        if (!before(e, heap_[parent])) break;
        place(i, heap_[parent]);
        i = parent;
    }
    place(i, e);
}

void timer_queue::sift_down(std::size_t i, entry e) noexcept {
    for (;;) {
        const std::size_t first = 4 * i + 1;
        if (first >= heap_.size()) break;
        const std::size_t end = first + 4 < heap_.size() ? first + 4 : heap_.size();
        std::size_t least = first;
        for (std::size_t c = first + 1; c < end; ++c)
            if (before(heap_[c], heap_[least])) least = c;
        if (!before(heap_[least], e)) break;
        place(i, heap_[least]);
        i = least;
    }
    place(i, e);
}

}  // namespace asyncio::detail
