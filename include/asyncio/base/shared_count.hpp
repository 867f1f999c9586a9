// How many refer to an object that crosses threads.
#pragma once

#include <atomic>
#include <cstdint>

namespace asyncio::detail {

class shared_count {
   public:
    explicit shared_count(std::uint32_t n = 0) noexcept : n_(n) {}
    shared_count(const shared_count&) = delete;
    shared_count& operator=(const shared_count&) = delete;

    void add() noexcept { n_.fetch_add(1, std::memory_order_relaxed); }
    /// The same while nobody else knows the object: spares the bus lock.
    void add_unshared() noexcept {
        n_.store(n_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// True if that was the last one: the object is to be destroyed.
    [[nodiscard]] bool drop() noexcept {
        // ORDER: acquire and acq_rel, so that the last owner sees what the others wrote. Who has
        // the only reference is the only one who could make another.
        return n_.load(std::memory_order_acquire) == 1 ||
               n_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

   private:
    std::atomic<std::uint32_t> n_;
};

}  // namespace asyncio::detail
