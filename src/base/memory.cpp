#include "asyncio/base/memory.hpp"

#include <cstdlib>

namespace asyncio::detail {

ASYNCIO_THREAD_LOCAL block_class block_cache[block_classes] = {};

namespace {

/// Set once the thread's lists were given back: what is freed later must not fill them again.
ASYNCIO_THREAD_LOCAL bool thread_has_ended = false;

/// Gives the thread's lists back when the thread ends.
struct thread_end {
    bool armed = false;
    ~thread_end() {
        thread_has_ended = true;
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
    const std::size_t index = (size + block_step - 1) / block_step;
    if (index < block_classes) size = index * block_step;
#endif
    return ::operator new(size);
}

void deallocate_slow(void* p, [[maybe_unused]] std::size_t size) noexcept {
#if !ASYNCIO_ASAN
    const std::size_t index = (size + block_step - 1) / block_step;
    if (index < block_classes && !thread_has_ended) {
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
    ::operator delete(p);
}

}  // namespace asyncio::detail
