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

    ready_node* next_ready = nullptr;
    run_function run;

   protected:
    ~ready_node() = default;
};

class ready_queue {
   public:
    ready_queue() noexcept = default;
    ready_queue(const ready_queue&) = delete;
    ready_queue& operator=(const ready_queue&) = delete;

    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    /// Walks the queue.
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = 0;
        for (const ready_node* node = head_; node != nullptr; node = node->next_ready) ++n;
        return n;
    }
    /// The one that pop() would take, and the one that was pushed last; null if there is none.
    [[nodiscard]] ready_node* front() const noexcept { return head_; }
    [[nodiscard]] ready_node* back() const noexcept { return empty() ? nullptr : tail_; }

    void push(ready_node& n) noexcept {
        n.next_ready = nullptr;
        if (head_ == nullptr)
            head_ = &n;
        else
            tail_->next_ready = &n;
        tail_ = &n;
    }
    ready_node& pop() noexcept {
        ready_node& n = *head_;
        head_ = n.next_ready;
        return n;
    }
    /// Takes out the node at `index`, for schedulers that do not want the first.
    ready_node& take(std::size_t index) noexcept {
        if (index == 0) return pop();
        ready_node* before = head_;
        while (--index > 0) before = before->next_ready;
        ready_node* n = before->next_ready;
        before->next_ready = n->next_ready;
        if (tail_ == n) tail_ = before;
        return *n;
    }

   private:
    ready_node* head_ = nullptr;
    ready_node* tail_ = nullptr;
};

}  // namespace asyncio::detail
