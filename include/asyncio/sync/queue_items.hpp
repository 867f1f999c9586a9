// What the three kinds of queue keep their items in. Items are only moved; if a move or a
// comparison throws, no item is lost. But for one case: a queue that grows copies items whose move
// may throw, and where they cannot be copied, such a throw loses some.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::detail {

/// First in, first out: a ring that grows.
template <class T>
class fifo_items {
   public:
    fifo_items() noexcept = default;
    fifo_items(fifo_items&& o) noexcept
        : slots_(std::exchange(o.slots_, nullptr)),
          capacity_(std::exchange(o.capacity_, 0)),
          head_(std::exchange(o.head_, 0)),
          tail_(std::exchange(o.tail_, 0)) {}
    fifo_items& operator=(fifo_items&&) = delete;
    ~fifo_items() { destroy_all(); }

    void push(T&& item) {
        if (tail_ - head_ == capacity_) [[unlikely]]
            grow();
        std::construct_at(&at(tail_), std::move(item));
        ++tail_;
    }
    T pop() {
        T& first = at(head_);
        T item(std::move(first));
        std::destroy_at(&first);
        ++head_;
        return item;
    }

   private:
    T& at(std::size_t count) noexcept { return slots_[count & (capacity_ - 1)]; }

    [[gnu::noinline]] void grow() {
        const std::size_t capacity = capacity_ == 0 ? 4 : 2 * capacity_;
        T* slots = std::allocator<T>().allocate(capacity);
        std::size_t moved = 0;
        try {
            for (; head_ + moved != tail_; ++moved)
                std::construct_at(slots + moved, std::move_if_noexcept(at(head_ + moved)));
        } catch (...) {
            std::destroy_n(slots, moved);
            release(slots, capacity);
            throw;
        }
        destroy_all();
        slots_ = slots;
        capacity_ = capacity;
        head_ = 0;
        tail_ = moved;
    }
    void destroy_all() noexcept {
        for (std::size_t i = head_; i != tail_; ++i) std::destroy_at(&at(i));
        release(slots_, capacity_);
    }
    static void release(T* slots, std::size_t capacity) noexcept {
        if (slots != nullptr) std::allocator<T>().deallocate(slots, capacity);
    }

    T* slots_ = nullptr;
    std::size_t capacity_ = 0;  // a power of two
    std::size_t head_ = 0;      // how many went out,
    std::size_t tail_ = 0;      // and how many came in, since it has had this capacity
};

/// Last in, first out.
template <class T>
class lifo_items {
   public:
    void push(T&& item) { items_.push_back(std::move(item)); }
    T pop() {
        T item(std::move(items_.back()));
        items_.pop_back();
        return item;
    }

   private:
    std::vector<T> items_;
};

/// What comes first without a word about it: the smaller one.
struct smaller_first {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a < b;
    }
};

/// The first by Compare comes out first: a binary heap, with the steps of Python's heapq, so that
/// items of equal rank come out in the same order as there.
template <class T, class Compare>
class heap_items {
   public:
    explicit heap_items(Compare compare = {}) : compare_(std::move(compare)) {}

    void push(T&& item) {
        items_.push_back(std::move(item));
        std::size_t place = 0;
        try {
            place = place_above(items_.size() - 1, 0);
        } catch (...) {
            items_.pop_back();
            throw;
        }
        rise(items_.size() - 1, place);
    }
    T pop() {
        if (items_.size() > 1) {
            swap_items(0, items_.size() - 1);
            sink(items_.size() - 1);
        }
        T item(std::move(items_.back()));
        items_.pop_back();
        return item;
    }

   private:
    /// Where an item belongs on its way up, not above `top`.
    std::size_t place_above(std::size_t at, std::size_t top) {
        std::size_t place = at;
        while (place > top && compare_(items_[at], items_[(place - 1) / 2]))
            place = (place - 1) / 2;
        return place;
    }
    void rise(std::size_t at, std::size_t place) {
        for (; at > place; at = (at - 1) / 2) swap_items(at, (at - 1) / 2);
    }
    /// Moves the first of `end` items down to a leaf, and from there up to its place.
    void sink(std::size_t end) {
        std::size_t at = 0;
        for (std::size_t child = 1; child < end; child = 2 * at + 1) {
            if (child + 1 < end && !compare_(items_[child], items_[child + 1])) ++child;
            swap_items(at, child);
            at = child;
        }
        rise(at, place_above(at, 0));
    }
    void swap_items(std::size_t a, std::size_t b) {
        using std::swap;
        swap(items_[a], items_[b]);
    }

    std::vector<T> items_;
    Compare compare_;
};

}  // namespace asyncio::detail
