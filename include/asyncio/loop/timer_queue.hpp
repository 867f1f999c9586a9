// Deadlines: a 4-ary heap of intrusive nodes. Equal deadlines fire in the order in which they were
// armed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "asyncio/base/delay.hpp"

namespace asyncio::detail {

enum class timer_event : std::uint8_t {
    due,      ///< its time has come
    dropped,  ///< the queue is cleared: it never will
};

/// A deadline that belongs to a frame or a handle. Its owner disarms it before it dies.
class timer_node {
   public:
    /// Called by the loop's turn, once, when it is armed no more; it may only queue and mark.
    using fire_function = void (*)(timer_node&, timer_event) noexcept;

    timer_node() noexcept {}
    timer_node(const timer_node&) = delete;
    timer_node& operator=(const timer_node&) = delete;
    [[nodiscard]] bool armed() const noexcept { return index_ != not_armed; }
    [[nodiscard]] time_point when() const noexcept { return time_point(when_); }

   protected:
    ~timer_node() = default;

   private:
    friend class timer_queue;
    static constexpr std::size_t not_armed = static_cast<std::size_t>(-1);
    std::size_t index_ = not_armed;
    // Set when it is armed.
    time_point::duration when_;
    std::uint64_t order_;
    fire_function fire_;
};

class timer_queue {
   public:
    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    [[nodiscard]] time_point next() const noexcept { return heap_.front().when; }

    /// Throws std::bad_alloc, then nothing has changed.
    void arm(timer_node& n, time_point when, timer_node::fire_function fire);
    /// Harmless if it is not armed.
    void disarm(timer_node& n) noexcept {
        if (n.armed()) remove(n);
    }
    /// Disarms every node.
    void clear() noexcept;
    /// Fires everything that is due at `now`, in order; gives how many these were.
    std::size_t fire_due(time_point now) noexcept;

   private:
    struct entry {
        time_point when;
        timer_node* node;
    };
    void remove(timer_node& n) noexcept;
    [[nodiscard]] static bool before(const entry& a, const entry& b) noexcept {
        return a.when != b.when ? a.when < b.when : a.node->order_ < b.node->order_;
    }
    void place(std::size_t i, const entry& e) noexcept {
        heap_[i] = e;
        e.node->index_ = i;
    }
    void sift_up(std::size_t i, entry e) noexcept;
    void sift_down(std::size_t i, entry e) noexcept;

    std::vector<entry> heap_;
    std::uint64_t armed_ = 0;
};

}  // namespace asyncio::detail
