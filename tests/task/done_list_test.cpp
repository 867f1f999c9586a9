#include "asyncio/task/done_list.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace done_list_test {

using asyncio::detail::done_list;
using asyncio::detail::done_node;
using asyncio::detail::future_state_base;

struct node final : done_node {
    explicit node(char c, std::uint64_t i = 0) : name(c), id(i) {}
    void future_done(future_state_base&) noexcept override {}
    [[nodiscard]] std::uint64_t callback_id() const noexcept override { return id; }
    char name;
    std::uint64_t id;
};

std::string take_all(done_list& list) {
    std::string names;
    list.take_all([&](done_node& n) { names += static_cast<node&>(n).name; });
    return names;
}

TEST(done_list, gives_them_in_the_order_in_which_they_came) {
    for (std::size_t n = 0; n < 6; ++n) {
        for (const bool with_first : {false, true}) {
            done_list list;
            EXPECT_TRUE(list.empty());
            node first('-');
            if (with_first) {
                EXPECT_TRUE(list.add_first(first));
            }
            std::vector<std::unique_ptr<node>> nodes;
            for (std::size_t i = 0; i < n; ++i) {
                nodes.push_back(std::make_unique<node>("abcdef"[i]));
                list.add(*nodes.back());
            }
            EXPECT_EQ(list.size(), n + (with_first ? 1 : 0));
            EXPECT_EQ(take_all(list), (with_first ? "-" : "") + std::string("abcdef").substr(0, n));
            EXPECT_TRUE(list.empty());
            for (const auto& gone : nodes) EXPECT_FALSE(gone->linked());
        }
    }
}

TEST(done_list, lets_anybody_leave) {
    for (int leaver = 0; leaver < 4; ++leaver) {
        done_list list;
        std::vector<std::unique_ptr<node>> nodes;
        for (int i = 0; i < 4; ++i) {
            nodes.push_back(std::make_unique<node>(static_cast<char>('a' + i)));
            list.add(*nodes.back());
        }
        nodes[static_cast<std::size_t>(leaver)].reset();
        node late('z');
        list.add(late);
        std::string left = "abcdz";
        left.erase(static_cast<std::size_t>(leaver), 1);
        EXPECT_EQ(take_all(list), left);
    }
}

TEST(done_list, has_one_first_who_may_be_that_of_many) {
    done_list one;
    done_list another;
    node shared('s');
    node other('o');
    EXPECT_TRUE(one.add_first(shared));
    EXPECT_TRUE(another.add_first(shared));
    EXPECT_FALSE(shared.linked());
    EXPECT_FALSE(one.add_first(other)) << "there is one";
    one.remove_first(other);
    EXPECT_EQ(one.size(), 1u) << "it was not him";
    one.add(other);
    one.remove_first(shared);
    EXPECT_FALSE(one.add_first(shared)) << "he would not be the first any more";
    EXPECT_EQ(take_all(one), "o");
    EXPECT_EQ(take_all(another), "s");
}

TEST(done_list, lets_whoever_is_told_end_the_others) {
    done_list list;
    std::vector<std::unique_ptr<node>> nodes;
    for (int i = 0; i < 5; ++i) {
        nodes.push_back(std::make_unique<node>(static_cast<char>('a' + i)));
        list.add(*nodes.back());
    }
    std::string told;
    list.take_all([&](done_node& n) {
        told += static_cast<node&>(n).name;
        nodes[1].reset();
        nodes[4].reset();
        if (told == "ac") nodes[2].reset();  // itself
    });
    EXPECT_EQ(told, "acd");
}

TEST(done_list, finds_a_callback) {
    done_list list;
    node a('a', 1);
    node b('b', 2);
    list.add(a);
    list.add(b);
    EXPECT_EQ(list.find(1), &a);
    EXPECT_EQ(list.find(2), &b);
    EXPECT_EQ(list.find(3), nullptr);
}

}  // namespace done_list_test
