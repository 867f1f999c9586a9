#include "asyncio/base/memory.hpp"

#include <atomic>
#include <utility>

namespace asyncio::detail {

ASYNCIO_THREAD_LOCAL block_class block_cache[block_classes] = {};

namespace {

/// What is freed must not fill the lists: the thread has given them back, or a probe stands in for
/// them.
ASYNCIO_THREAD_LOCAL bool lists_are_closed = false;
ASYNCIO_THREAD_LOCAL allocation_probe* probe_of_thread = nullptr;
/// The lists while a probe stands in for them.
ASYNCIO_THREAD_LOCAL block_class set_aside[block_classes] = {};

void give_back(free_block* list) noexcept {
    while (free_block* const next = list->next) {
        ::operator delete(list);
        list = next;
    }
}

/// Gives the thread's lists back when the thread ends.
struct thread_end {
    bool armed = false;
    ~thread_end() {
        lists_are_closed = true;
        for (block_class& c : block_cache) {
            give_back(c.head);
            if (c.full != nullptr) give_back(c.full);
            c = {};
        }
    }
};
thread_local thread_end at_thread_end;

#if !ASYNCIO_ASAN
/// Full magazines of one class, for whichever thread needs one. Nobody waits for it: who finds it
/// in use does without, also in a process that was forked in that moment.
class depot {
   public:
    /// False if it takes no more than `most`.
    bool put(free_block* blocks, std::size_t most) noexcept {
        if (!enter()) return false;
        const bool room = count_ < most;
        if (room) {
            ++count_;
            free_block* const next = blocks->next;
            top_ = ::new (blocks) magazine{next, top_};
        }
        leave();
        return room;
    }
    /// Null if it gives none.
    free_block* take() noexcept {
        if (!enter()) return nullptr;
        magazine* taken = top_;
        if (taken != nullptr) {
            --count_;
            top_ = taken->below;
        }
        leave();
        if (taken == nullptr) return nullptr;
        free_block* const next = taken->next;
        return ::new (taken) free_block{next, 0};
    }

   private:
    /// Its first block.
    struct magazine {
        free_block* next;
        magazine* below;
    };
    static_assert(sizeof(magazine) <= block_size(0));

    // ORDER: acquire and release: who enters sees what those before did, and wrote to the blocks.
    bool enter() noexcept { return !in_use_.exchange(true, std::memory_order_acquire); }
    void leave() noexcept { in_use_.store(false, std::memory_order_release); }

    std::atomic<bool> in_use_{false};
    std::size_t count_ = 0;
    magazine* top_ = nullptr;
};
constinit depot depots[block_classes];
/// What one of them may keep.
constexpr std::size_t depot_bytes = std::size_t(32) * 1024 * 1024;
constexpr std::size_t most_magazines(std::size_t index) noexcept {
    return depot_bytes / (magazine_size * block_size(index));
}
#endif

}  // namespace

void* allocate_slow(std::size_t size) {
    if (probe_of_thread != nullptr) [[unlikely]]
        return probe_of_thread->allocate(size);
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index >= block_classes) return ::operator new(size);
    block_class& c = block_cache[index];
    // A caller that was built for the address sanitizer has not asked.
    if (void* b = c.take()) return b;
    free_block* b = std::exchange(c.full, nullptr);
    if (b == nullptr && !lists_are_closed) {
        b = depots[index].take();
        if (b != nullptr) at_thread_end.armed = true;
    }
    if (b == nullptr) return ::operator new(block_size(index));
    c.head = b->next;
    return b;
#else
    return ::operator new(size);
#endif
}

void deallocate_slow(void* p, [[maybe_unused]] std::size_t size) noexcept {
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index < block_classes && !lists_are_closed) {
        block_class& c = block_cache[index];
        at_thread_end.armed = true;  // touching it registers the clean-up
        if (c.head == &unused_list) c.head = &list_end;
        if (c.keep(p)) return;  // such a caller has not asked here either
        if (c.full != nullptr && !depots[index].put(c.full, most_magazines(index)))
            give_back(c.full);
        c.full = std::exchange(c.head, &list_end);
        static_cast<void>(c.keep(p));
        return;
    }
#endif
    if (probe_of_thread != nullptr) [[unlikely]] {
        probe_of_thread->deallocate(p);
        return;
    }
    ::operator delete(p);
}

allocation_probe* set_allocation_probe(allocation_probe* probe) noexcept {
    if ((probe != nullptr) != (probe_of_thread != nullptr)) {
        for (std::size_t i = 0; i < block_classes; ++i) std::swap(block_cache[i], set_aside[i]);
        lists_are_closed = probe != nullptr;
    }
    return std::exchange(probe_of_thread, probe);
}

}  // namespace asyncio::detail
