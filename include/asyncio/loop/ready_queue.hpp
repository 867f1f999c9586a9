// What runs next: an intrusive FIFO. Pushing never allocates and never fails.
#pragma once

#include <cstddef>

namespace asyncio::detail {

/// Something that the loop will run once. It must not be queued twice at a time.
struct ready_node {
    using run_function = void (*)(ready_node&);
    explicit ready_node(run_function f) noexcept : run(f) {}
    ready_node(const ready_node&) = delete;
    ready_node& operator=(const ready_node&) = delete;

    ready_node* next_ready;  // set when another one is queued behind it
    run_function run;

   protected:
    ~ready_node() = default;
};

class ready_queue {
   public:
    ready_queue() noexcept = default;
    ready_queue(const ready_queue&) = delete;
    ready_queue& operator=(const ready_queue&) = delete;

    [[nodiscard]] bool empty() const noexcept { return end_ == &first_; }
    /// Walks the queue.
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = 0;
        for (ready_node* const* link = &first_; link != end_; link = &(*link)->next_ready) ++n;
        return n;
    }
    /// The one that pop() would take; there must be one. The others follow by next_ready.
    [[nodiscard]] ready_node& front() const noexcept { return *first_; }

    void push(ready_node& n) noexcept {
        *end_ = &n;
        end_ = &n.next_ready;
    }
    ready_node& pop() noexcept { return take(0); }
    /// Takes out the node at `index`, for schedulers that do not want the first.
    ready_node& take(std::size_t index) noexcept {
        ready_node** link = &first_;
        for (; index > 0; --index) link = &(*link)->next_ready;
        ready_node& n = **link;
        if (end_ == &n.next_ready)
            end_ = link;
        else
            *link = n.next_ready;
        return n;
    }

   private:
    friend class ready_batch;
    ready_node* first_;
    ready_node** end_ = &first_;  ///< where the next one is linked
};

/// Takes out all that is queued now, and gives one after the other. When it dies, the rest is
/// queued again, before all others.
class ready_batch {
   public:
    explicit ready_batch(ready_queue& q) noexcept : queue_(q), end_(q.end_) {
        *end_ = nullptr;
        next_ = q.first_;
        q.end_ = &q.first_;
    }
    ready_batch(const ready_batch&) = delete;
    ready_batch& operator=(const ready_batch&) = delete;
    ~ready_batch() {
        if (next_ == nullptr) [[likely]]
            return;
        if (queue_.empty())
            queue_.end_ = end_;
        else
            *end_ = queue_.first_;
        queue_.first_ = next_;
    }
    /// Null: there are no more.
    ready_node* next() noexcept {
        ready_node* const n = next_;
        if (n != nullptr) next_ = n->next_ready;
        return n;
    }

   private:
    ready_queue& queue_;
    ready_node* next_;
    ready_node** end_;  ///< the last one's link
};

}  // namespace asyncio::detail
