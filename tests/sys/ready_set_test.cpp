#include "sys/ready_set.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace ready_set_test {

using asyncio::delay;
using asyncio::detail::flag;
using asyncio::detail::ready_set;
using namespace std::chrono_literals;

TEST(ready_set, gives_the_keys_of_what_is_readable) {
    ready_set set;
    flag first;
    flag second;
    ASSERT_EQ(set.open() | first.open() | second.open(), 0);
    ASSERT_EQ(set.add(first.fileno(), 10), 0);
    ASSERT_EQ(set.add(second.fileno(), 20), 0);
    std::uint64_t keys[4];
    EXPECT_TRUE(set.wait(keys, delay()).empty());
    EXPECT_TRUE(set.wait(keys, 1ms).empty());
    first.raise();
    second.raise();
    const auto ready = set.wait(keys, delay::forever());
    ASSERT_EQ(ready.size(), 2u);
    EXPECT_EQ(ready[0] + ready[1], 30u);
    EXPECT_EQ(set.wait(std::span(keys).first(1), delay()).size(), 1u);
    set.remove(first.fileno());
    ASSERT_EQ(set.wait(keys, delay()).size(), 1u);
    EXPECT_EQ(keys[0], 20u);
}

TEST(ready_set, is_readable_itself_while_something_in_it_is) {
    ready_set set;
    flag one;
    ASSERT_EQ(set.open() | one.open() | set.add(one.fileno(), 1), 0);
    pollfd file{set.fileno(), POLLIN, 0};
    EXPECT_EQ(::poll(&file, 1, 0), 0);
    one.raise();
    EXPECT_EQ(::poll(&file, 1, 0), 1);
    EXPECT_EQ(::poll(&file, 1, 0), 1);  // for ever
}

TEST(ready_set, says_why_something_cannot_be_watched) {
    ready_set set;
    ASSERT_EQ(set.open(), 0);
    EXPECT_NE(set.add(-1, 1), 0);
}

}  // namespace ready_set_test
