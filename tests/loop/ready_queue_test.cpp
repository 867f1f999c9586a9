#include "asyncio/loop/ready_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace ready_queue_test {

using namespace asyncio::detail;

struct node final : ready_node {
    explicit node(int n) noexcept : ready_node(&go), number(n) {}
    static void go(ready_node& n) { static_cast<node&>(n).ran = true; }
    int number;
    bool ran = false;
};

int number(ready_node& n) { return static_cast<node&>(n).number; }

TEST(ready_queue, is_first_in_first_out) {
    ready_queue q;
    node a(1);
    node b(2);
    EXPECT_TRUE(q.empty());
    q.push(a);
    q.push(b);
    EXPECT_EQ(q.size(), 2u);
    EXPECT_EQ(number(q.pop()), 1);
    q.push(a);
    EXPECT_EQ(number(q.pop()), 2);
    EXPECT_EQ(number(q.pop()), 1);
    EXPECT_TRUE(q.empty());
}

TEST(ready_queue, a_node_knows_how_to_run) {
    node a(1);
    a.run(a);
    EXPECT_TRUE(a.ran);
}

TEST(ready_queue, gives_any_of_its_nodes) {
    for (std::size_t which = 0; which < 3; ++which) {
        ready_queue q;
        node nodes[] = {node(0), node(1), node(2)};
        for (node& n : nodes) q.push(n);
        EXPECT_EQ(number(q.take(which)), static_cast<int>(which));
        node last(3);
        q.push(last);
        std::vector<int> rest;
        while (!q.empty()) rest.push_back(number(q.pop()));
        std::vector<int> expected{0, 1, 2, 3};
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(which));
        EXPECT_EQ(rest, expected);
    }
}

}  // namespace ready_queue_test
