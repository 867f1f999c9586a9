#include "sys/shared_memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

namespace shared_memory_test {

using asyncio::detail::descriptor;
using asyncio::detail::shared_memory;

TEST(shared_memory, is_seen_by_all_that_open_it) {
    shared_memory one;
    EXPECT_FALSE(one);
    ASSERT_EQ(one.create(100), 0);
    EXPECT_GE(one.size(), 100u);
    shared_memory other;
    ASSERT_EQ(other.open(descriptor(::dup(one.file())), one.size()), 0);
    std::strcpy(one.data(), "hello");
    EXPECT_STREQ(other.data(), "hello");
}

TEST(shared_memory, grows_and_the_others_follow) {
    shared_memory one;
    ASSERT_EQ(one.create(1), 0);
    shared_memory other;
    ASSERT_EQ(other.open(descriptor(::dup(one.file())), one.size()), 0);
    std::strcpy(one.data(), "kept");
    const std::size_t large = std::size_t{10} << 20;
    ASSERT_EQ(one.grow(large), 0);
    EXPECT_GE(one.size(), large);
    EXPECT_STREQ(one.data(), "kept");
    one.data()[large - 1] = 'x';
    ASSERT_EQ(other.follow(one.size()), 0);
    EXPECT_EQ(other.data()[large - 1], 'x');
    const std::size_t before = one.size();
    EXPECT_EQ(one.grow(1), 0);
    EXPECT_EQ(one.size(), before);
}

TEST(shared_memory, moves_as_a_whole) {
    shared_memory one;
    ASSERT_EQ(one.create(1), 0);
    char* const data = one.data();
    shared_memory other = std::move(one);
    EXPECT_FALSE(one);
    EXPECT_EQ(other.data(), data);
    one = std::move(other);
    EXPECT_EQ(one.data(), data);
}

TEST(shared_memory, refuses_what_is_no_memory) {
    shared_memory one;
    EXPECT_NE(one.open(descriptor(), 4096), 0);
    EXPECT_FALSE(one);
}

}  // namespace shared_memory_test
