#include "asyncio/base/intrusive.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace intrusive_test {

using asyncio::detail::intrusive_list;
using asyncio::detail::list_hook;

struct item : list_hook {
    explicit item(int n) : number(n) {}
    int number;
};

std::vector<int> numbers(const intrusive_list<item>& list) {
    std::vector<int> result;
    for (const item& i : list) result.push_back(i.number);
    return result;
}

TEST(intrusive_list, is_first_in_first_out) {
    intrusive_list<item> list;
    item a(1);
    item b(2);
    EXPECT_TRUE(list.empty());
    list.push_back(a);
    list.push_back(b);
    EXPECT_EQ(list.size(), 2u);
    EXPECT_EQ(&list.front(), &a);
    EXPECT_EQ(&list.back(), &b);
    EXPECT_EQ(&list.pop_front(), &a);
    EXPECT_FALSE(a.linked());
    EXPECT_EQ(numbers(list), std::vector{2});
}

TEST(intrusive_list, an_element_leaves_when_it_dies) {
    intrusive_list<item> list;
    item a(1);
    list.push_back(a);
    {
        item b(2);
        list.push_back(b);
        EXPECT_TRUE(b.linked());
    }
    EXPECT_EQ(numbers(list), std::vector{1});
    a.unlink();
    a.unlink();
    EXPECT_TRUE(list.empty());
}

TEST(intrusive_list, elements_outlive_the_list) {
    item a(1);
    {
        intrusive_list<item> list;
        list.push_back(a);
    }
    EXPECT_FALSE(a.linked());
}

TEST(intrusive_list, splices_another_list) {
    intrusive_list<item> one;
    intrusive_list<item> other;
    item a(1);
    item b(2);
    item c(3);
    one.push_back(a);
    other.push_back(b);
    other.push_back(c);
    one.splice_back(other);
    EXPECT_EQ(numbers(one), (std::vector{1, 2, 3}));
    EXPECT_TRUE(other.empty());
    one.splice_back(other);
    EXPECT_EQ(one.size(), 3u);
    other.splice_back(one);
    EXPECT_EQ(numbers(other), (std::vector{1, 2, 3}));
}

}  // namespace intrusive_test
