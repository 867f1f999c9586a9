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
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// The one that pop() would take; null if there is none.
    [[nodiscard]] ready_node* front() const noexcept { return size_ == 0 ? nullptr : head_; }

    void push(ready_node& n) noexcept {
        n.next_ready = nullptr;
        if (size_ == 0)
            head_ = &n;
        else
            tail_->next_ready = &n;
        tail_ = &n;
        ++size_;
    }
    ready_node& pop() noexcept {
        ready_node& n = *head_;
        head_ = n.next_ready;
        --size_;
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
        --size_;
        return *n;
    }

   private:
    ready_node* head_ = nullptr;
    ready_node* tail_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace asyncio::detail
