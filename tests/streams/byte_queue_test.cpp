#include "asyncio/streams/byte_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "asyncio/testing.hpp"

namespace byte_queue_test {

using asyncio::detail::byte_queue;

TEST(byte_queue, is_first_in_first_out) {
    byte_queue q;
    EXPECT_TRUE(q.empty());
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        const std::string piece(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
        q.append(piece);
        expected += piece;
        const std::size_t taken =
            std::min<std::size_t>(expected.size(), static_cast<std::size_t>(i * 7 % 41));
        q.drop(taken);
        expected.erase(0, taken);
        ASSERT_EQ(q.view(), expected);
        ASSERT_EQ(q.size(), expected.size());
    }
    q.append(std::string(100'000, 'x'));
    q.clear();
    EXPECT_TRUE(q.empty());
    EXPECT_EQ(q.view(), "");
}

TEST(byte_queue, takes_itself_apart_in_the_middle) {
    byte_queue q;
    q.append("0123456789");
    q.drop(9);
    q.append("abcdefgh");  // moves what is left to the front instead of growing
    EXPECT_EQ(q.view(), "9abcdefgh");
    q.drop(0);
    EXPECT_EQ(q.view(), "9abcdefgh");
    q.append("");
    q.drop(9);
    EXPECT_TRUE(q.empty());
    EXPECT_EQ(q.size(), 0u);
}

TEST(byte_queue, is_a_pointer_when_it_is_empty) {
    static_assert(sizeof(byte_queue) == sizeof(void*));
    byte_queue q;
    q.append("");
    EXPECT_TRUE(q.empty());
    q.clear();
    q.append("x");
    q.drop(1);
    EXPECT_EQ(q.view(), "");
}

asyncio::coroutine<> grow() {
    byte_queue q;
    q.append("0123456789");
    try {
        q.append(std::string(100, 'x'));
    } catch (const std::bad_alloc&) {
        EXPECT_EQ(q.view(), "0123456789") << "nothing has changed";
        throw;
    }
    co_return;
}

TEST(byte_queue, keeps_what_it_has_when_memory_runs_out) {
    const auto report = asyncio::testing::fail_every_allocation(grow, {.any_error = true});
    EXPECT_GT(report.runs, 2u);
}

}  // namespace byte_queue_test
