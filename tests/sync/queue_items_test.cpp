#include "asyncio/sync/queue_items.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace queue_items_test {

using asyncio::detail::fifo_items;
using asyncio::detail::heap_items;
using asyncio::detail::lifo_items;
using asyncio::detail::smaller_first;

/// Counts the living, and throws when it is told to.
struct fragile {
    explicit fragile(int v) : value(v) { ++living; }
    fragile(const fragile& o) : value(o.value) {
        if (throws_in > 0 && --throws_in == 0) throw std::runtime_error("copy");
        ++living;
    }
    fragile(fragile&& o) noexcept(false) : value(o.value) {
        if (throws_in > 0 && --throws_in == 0) throw std::runtime_error("move");
        ++living;
    }
    ~fragile() { --living; }
    int value;
    static inline int living = 0;
    static inline int throws_in = 0;
};

TEST(fifo_items, keeps_the_order_while_it_wraps_and_grows) {
    fifo_items<std::string> items;
    std::size_t put = 0;
    std::size_t got = 0;
    std::mt19937 random(5);
    for (int step = 0; step < 2000; ++step) {
        if (put == got || random() % 5 < 3)
            items.push(std::to_string(put++) + " is long enough for the heap");
        else
            ASSERT_EQ(items.pop(), std::to_string(got++) + " is long enough for the heap");
    }
    while (got < put)
        ASSERT_EQ(items.pop(), std::to_string(got++) + " is long enough for the heap");
}

TEST(fifo_items, destroys_what_is_left) {
    {
        fifo_items<fragile> items;
        for (int i = 0; i < 3; ++i) items.push(fragile(i));
        EXPECT_EQ(items.pop().value, 0);
        items.push(fragile(3));
        items.push(fragile(4));
        EXPECT_EQ(fragile::living, 4);
        const fifo_items<fragile> taken(std::move(items));
        items.push(fragile(5));
        EXPECT_EQ(fragile::living, 5);
    }
    EXPECT_EQ(fragile::living, 0);
}

TEST(fifo_items, loses_nothing_if_a_copy_throws_while_it_grows) {
    fifo_items<fragile> items;
    for (int i = 0; i < 4; ++i) items.push(fragile(i));
    fragile::throws_in = 3;
    EXPECT_THROW(items.push(fragile(4)), std::runtime_error);
    fragile::throws_in = 1;
    EXPECT_THROW(items.pop(), std::runtime_error);
    items.push(fragile(4));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(items.pop().value, i);
    EXPECT_EQ(fragile::living, 0);
}

TEST(lifo_items, gives_the_last_one_first) {
    lifo_items<std::unique_ptr<int>> items;
    for (int i = 0; i < 10; ++i) items.push(std::make_unique<int>(i));
    for (int i = 9; i >= 0; --i) EXPECT_EQ(*items.pop(), i);
}

TEST(heap_items, sorts_whatever_is_put_in) {
    std::mt19937 random(7);
    for (int size = 0; size < 60; ++size) {
        heap_items<int, smaller_first> items;
        std::vector<int> expected;
        for (int i = 0; i < size; ++i) {
            const int value = static_cast<int>(random() % 20);
            expected.push_back(value);
            items.push(int(value));
        }
        std::sort(expected.begin(), expected.end());
        for (const int value : expected) ASSERT_EQ(items.pop(), value);
    }
}

struct job {
    int rank;
    char name;
};

TEST(heap_items, gives_items_of_equal_rank_in_the_order_of_pythons_heapq) {
    // In Python: h = []; for i, c in enumerate("abcdefgh"): heappush(h, Job(i % 2, c)); then
    // "".join(heappop(h).name for _ in range(8)) with __lt__ by rank.
    const auto by_rank = [](const job& a, const job& b) { return a.rank < b.rank; };
    heap_items<job, decltype(by_rank)> items(by_rank);
    int i = 0;
    for (const char name : std::string("abcdefgh")) items.push(job{i++ % 2, name});
    std::string order;
    for (int n = 0; n < 8; ++n) order += items.pop().name;
    EXPECT_EQ(order, "acgefhbd");
}

TEST(heap_items, loses_nothing_if_a_comparison_throws) {
    int throws_in = 0;
    const auto moody = [&throws_in](const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) {
        if (throws_in > 0 && --throws_in == 0) throw std::runtime_error("who knows");
        return *a < *b;
    };
    heap_items<std::unique_ptr<int>, decltype(moody)> items(moody);
    for (int i = 0; i < 20; ++i) items.push(std::make_unique<int>(19 - i));
    throws_in = 2;
    EXPECT_THROW(items.pop(), std::runtime_error);
    int sum = 0;
    for (int i = 0; i < 20; ++i) sum += *items.pop();
    EXPECT_EQ(sum, 190);
}

TEST(heap_items, has_no_item_whose_push_threw) {
    int throws_in = 0;
    const auto moody = [&throws_in](int a, int b) {
        if (throws_in > 0 && --throws_in == 0) throw std::runtime_error("who knows");
        return a < b;
    };
    heap_items<int, decltype(moody)> items(moody);
    for (const int i : {5, 3, 4, 2}) items.push(int(i));
    throws_in = 2;
    EXPECT_THROW(items.push(1), std::runtime_error);
    items.push(7);
    std::vector<int> all;
    for (int i = 0; i < 5; ++i) all.push_back(items.pop());
    EXPECT_EQ(all, (std::vector{2, 3, 4, 5, 7}));
}

}  // namespace queue_items_test
