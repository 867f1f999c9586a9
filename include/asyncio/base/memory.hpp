// Frames and states come from here: one free list per thread and size class. The classes are 16
// bytes apart and end where malloc's blocks of memory do, 8 bytes before a multiple of 16.
//
//      this thread: head -> block -> block -> .   up to a magazine's worth, in and out
//                   full -> magazine              one more, so that the border is not crossed often
//      all threads: depot [magazine] [magazine]   what a thread has too many of, others take; of
//                                                 each class as much as 32 MiB
//
// Memory that another thread frees joins that thread's list; where one thread makes what another
// one frees, whole magazines come back through the depot. Large blocks go to operator new.
#pragma once

#include <cstddef>
#include <new>

#include "asyncio/base/config.hpp"

namespace asyncio::detail {

inline constexpr std::size_t block_classes = 128;  // up to 2,040 bytes
inline constexpr unsigned magazine_size = 64;      // blocks that change threads together

struct free_block {
    free_block* next;  // null: this is no block, but the end of a list
    unsigned room;     // how many more blocks the list takes
};

/// The end of every list.
inline constinit free_block list_end{nullptr, magazine_size};
/// What a list is until the thread first uses it: it takes no block.
inline constinit free_block unused_list{nullptr, 0};

/// The next block's cache lines are on their way while this one is used: who makes a thousand tasks
/// writes to lines that it has not read.
inline void prefetch(const void* block) noexcept {
    const char* const p = static_cast<const char*>(block);
    __builtin_prefetch(p, 1);
    __builtin_prefetch(p + 64, 1);
    __builtin_prefetch(p + 128, 1);
}

struct block_class {
    /// Null if the list is empty.
    [[nodiscard]] void* take() noexcept {
        free_block* const b = head;
        if (b->next == nullptr) [[unlikely]]
            return nullptr;
        head = b->next;
        prefetch(head);
        return b;
    }
    /// False if it has no room.
    [[nodiscard]] bool keep(void* p) noexcept {
        const unsigned room = head->room;
        if (room == 0) [[unlikely]]
            return false;
        head = ::new (p) free_block{head, room - 1};
        return true;
    }

    free_block* head = &unused_list;
    free_block* full = nullptr;  // a whole magazine, or null
};

/// Takes the place of this thread's free lists and of operator new under them: how tests let
/// allocations fail and find what leaks. Memory comes from operator new and goes to operator
/// delete.
class allocation_probe {
   public:
    allocation_probe() noexcept = default;
    allocation_probe(const allocation_probe&) = delete;
    allocation_probe& operator=(const allocation_probe&) = delete;
    virtual void* allocate(std::size_t size) = 0;
    virtual void deallocate(void* p) noexcept = 0;

   protected:
    ~allocation_probe() = default;
};

/// Lets `probe` stand in for this thread's free lists; null puts them back. Gives the one before.
allocation_probe* set_allocation_probe(allocation_probe* probe) noexcept;

extern ASYNCIO_THREAD_LOCAL block_class block_cache[block_classes];

/// The class of blocks for `size` bytes; from `block_classes` on there is none.
[[nodiscard]] constexpr std::size_t block_class_of(std::size_t size) noexcept {
    return (size + 7) / 16;
}
[[nodiscard]] constexpr std::size_t block_size(std::size_t index) noexcept {
    return index == 0 ? 24 : index * 16 + 8;  // malloc gives 24 at least
}

[[nodiscard]] void* allocate_slow(std::size_t size);
void deallocate_slow(void* p, std::size_t size) noexcept;

/// What allocate(size) gives if this thread has it at hand, else null.
[[nodiscard]] inline void* allocate_at_once([[maybe_unused]] std::size_t size) noexcept {
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index < block_classes) [[likely]]
        return block_cache[index].take();
#endif
    return nullptr;
}

/// `size` bytes aligned for every fundamental type. Throws std::bad_alloc.
[[nodiscard]] inline void* allocate(std::size_t size) {
    if (void* b = allocate_at_once(size)) [[likely]]
        return b;
    return allocate_slow(size);
}

/// Gives back what allocate(size) returned.
inline void deallocate(void* p, std::size_t size) noexcept {
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index < block_classes) [[likely]] {
        if (block_cache[index].keep(p)) [[likely]]
            return;
    }
#endif
    deallocate_slow(p, size);
}

/// Derive from it to be made from the free lists.
struct pooled {
    static void* operator new(std::size_t size) { return allocate(size); }
    static void* operator new(std::size_t, void* at) noexcept { return at; }
    static void operator delete(void* p, std::size_t size) noexcept { deallocate(p, size); }
};

}  // namespace asyncio::detail
