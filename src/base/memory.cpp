#include "asyncio/base/memory.hpp"

#include <cstdlib>
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

/// Gives the thread's lists back when the thread ends.
struct thread_end {
    bool armed = false;
    ~thread_end() {
        lists_are_closed = true;
        for (block_class& c : block_cache) {
            while (free_block* b = c.head) {
                c.head = b->next;
                ::operator delete(b);
            }
            c.count = 0;
        }
    }
};
thread_local thread_end at_thread_end;

}  // namespace

void* allocate_slow(std::size_t size) {
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index < block_classes) size = block_size(index);
#endif
    if (probe_of_thread != nullptr) [[unlikely]]
        return probe_of_thread->allocate(size);
    return ::operator new(size);
}

void deallocate_slow(void* p, [[maybe_unused]] std::size_t size) noexcept {
#if !ASYNCIO_ASAN
    const std::size_t index = block_class_of(size);
    if (index < block_classes && !lists_are_closed) {
        block_class& c = block_cache[index];
        if (c.count < block_class_limit) {
            at_thread_end.armed = true;  // touching it registers the clean-up
            auto* b = static_cast<free_block*>(p);
            b->next = c.head;
            c.head = b;
            ++c.count;
            return;
        }
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
