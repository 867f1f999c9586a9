// Every allocation of a simulated program: counted, made to fail, and looked for afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "asyncio/base/memory.hpp"

namespace asyncio::detail {

/// While it lives, sees what the program allocates on this thread: the library's frames and states,
/// whose free lists stand aside, and operator new if it is interposed.
class allocation_tracker final : public allocation_probe {
   public:
    /// The `fail_at`th allocation (from 1) fails; 0: none.
    explicit allocation_tracker(std::uint64_t fail_at);
    allocation_tracker(const allocation_tracker&) = delete;
    allocation_tracker& operator=(const allocation_tracker&) = delete;
    ~allocation_tracker();

    [[nodiscard]] std::uint64_t made() const noexcept { return made_; }
    /// Those that were not freed, and how many bytes they have.
    [[nodiscard]] std::size_t left() const noexcept { return live_.size(); }
    [[nodiscard]] std::size_t bytes_left() const noexcept;
    /// The oldest of them, as its number; 0 if there is none.
    [[nodiscard]] std::uint64_t oldest_left() const noexcept;
    /// Where the allocation that failed was made, innermost first, as lines. Where the allocation
    /// `watch()`ed was made.
    [[nodiscard]] std::string place() const;
    /// Remember the place of this one.
    void watch(std::uint64_t number) noexcept { watched_ = number; }

    void* allocate(std::size_t size) override;
    void deallocate(void* p) noexcept override;
    /// operator new and delete of the program.
    void* allocate_new(std::size_t size);
    void forget(void* p) noexcept;

   private:
    struct block {
        std::uint64_t number;
        std::size_t size;
    };
    void count(std::size_t size);
    void remember(void* p, std::size_t size);

    std::uint64_t fail_at_;
    std::uint64_t watched_ = 0;
    std::uint64_t made_ = 0;
    bool interposed_ = false;
    bool busy_ = false;                      ///< with its own memory
    std::unordered_map<void*, block> live_;  ///< never walked in an order that matters
    std::vector<const void*> place_;
    allocation_probe* outer_;
};

}  // namespace asyncio::detail
