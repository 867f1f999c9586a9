#include "asyncio/base/memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

namespace memory_test {

using asyncio::detail::allocate;
using asyncio::detail::deallocate;

TEST(memory, blocks_are_usable_and_aligned) {
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (std::size_t size = 1; size < 5000; size += 37) {
        void* p = allocate(size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % alignof(std::max_align_t), 0u);
        std::memset(p, 0xab, size);
        blocks.emplace_back(p, size);
    }
    for (const auto& [p, size] : blocks) deallocate(p, size);
}

#if !ASYNCIO_ASAN
TEST(memory, a_block_is_used_again) {
    void* first = allocate(100);
    deallocate(first, 100);
    void* second = allocate(100);
    EXPECT_EQ(first, second);
    deallocate(second, 100);
}
#endif

TEST(memory, large_blocks_are_the_systems) {
    void* p = allocate(std::size_t{1} << 20);
    std::memset(p, 1, std::size_t{1} << 20);
    deallocate(p, std::size_t{1} << 20);
}

#if !ASYNCIO_ASAN && !defined(__SANITIZE_THREAD__)  // sanitizers end the program instead
TEST(memory, refuses_what_there_is_not) {
    volatile std::size_t size = std::size_t{1} << 62;
    EXPECT_THROW((void)allocate(size), std::bad_alloc);
}
#endif

TEST(memory, another_thread_may_free) {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(allocate(200));
    std::thread other([&] {
        for (void* p : blocks) deallocate(p, 200);
        void* own = allocate(200);
        deallocate(own, 200);
    });
    other.join();  // and gives its lists back when it ends: the leak checker would tell
}

#if !ASYNCIO_ASAN
// One thread makes what another one frees, as with call_soon_threadsafe.
TEST(memory, blocks_come_back_to_the_thread_that_needs_them) {
    constexpr std::size_t at_once = 256;
    std::set<void*> seen;
    std::binary_semaphore filled(0);
    std::binary_semaphore emptied(0);
    std::vector<void*> blocks;
    bool over = false;
    std::thread other([&] {
        for (;;) {
            filled.acquire();
            if (over) return;
            for (void* p : blocks) deallocate(p, 400);
            emptied.release();
        }
    });
    for (int round = 0; round < 100; ++round) {
        blocks.clear();
        for (std::size_t i = 0; i < at_once; ++i) blocks.push_back(allocate(400));
        seen.insert(blocks.begin(), blocks.end());
        filled.release();
        emptied.acquire();
    }
    over = true;
    filled.release();
    other.join();
    EXPECT_LE(seen.size(), 4 * at_once);
}
#endif

struct late {
    ~late() {
        if (p != nullptr) deallocate(p, 300);
    }
    void* p = nullptr;
};

TEST(memory, a_thread_may_free_while_it_ends) {
    std::thread other([] {
        static thread_local late last;  // dies after the free lists were given back, or before
        last.p = allocate(300);
        void* own = allocate(300);
        deallocate(own, 300);
    });
    other.join();
}

struct pooled_thing : asyncio::detail::pooled {
    explicit pooled_thing(int* count) : alive(count) { ++*alive; }
    pooled_thing(const pooled_thing&) = delete;
    ~pooled_thing() { --*alive; }
    int* alive;
    char padding[70] = {};
};

TEST(memory, pooled_types_come_from_the_lists) {
    int alive = 0;
    auto* a = new pooled_thing(&alive);
    EXPECT_EQ(alive, 1);
    delete a;
    EXPECT_EQ(alive, 0);
    alignas(pooled_thing) unsigned char place[sizeof(pooled_thing)];
    auto* b = ::new (static_cast<void*>(place)) pooled_thing(&alive);
    b->~pooled_thing();
    EXPECT_EQ(alive, 0);
}

TEST(memory, more_than_a_list_holds_goes_back) {
    std::vector<void*> blocks;
    for (unsigned i = 0; i < 70'000; ++i) blocks.push_back(allocate(64));
    for (void* p : blocks) deallocate(p, 64);
    void* p = allocate(64);
    deallocate(p, 64);
}

}  // namespace memory_test
