#include "asyncio/loop/timer_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace timer_queue_test {

using namespace std::chrono_literals;
using namespace asyncio::detail;
using asyncio::time_point;

struct timer final : timer_node {
    timer(int n, std::vector<int>& l) : number(n), log(l) {}
    static void fire(timer_node& n, timer_event e) noexcept {
        const auto& self = static_cast<timer&>(n);
        self.log.push_back(e == timer_event::due ? self.number : -self.number);
    }
    int number;
    std::vector<int>& log;
};

struct quiet final : timer_node {
    static void fire(timer_node&, timer_event) noexcept {}
};

time_point at(int n) { return time_point(std::chrono::seconds(n)); }

TEST(timer_queue, fires_what_is_due_in_order) {
    timer_queue q;
    std::vector<int> log;
    timer a(1, log);
    timer b(2, log);
    timer c(3, log);
    q.arm(c, at(30), &timer::fire);
    q.arm(a, at(10), &timer::fire);
    q.arm(b, at(20), &timer::fire);
    EXPECT_EQ(q.next(), at(10));
    EXPECT_EQ(b.when(), at(20));
    q.fire_due(at(20));
    EXPECT_EQ(log, (std::vector{1, 2}));
    EXPECT_FALSE(a.armed());
    EXPECT_TRUE(c.armed());
    EXPECT_EQ(q.size(), 1u);
    q.disarm(c);
    q.disarm(c);
    EXPECT_TRUE(q.empty());
}

// S7: equal deadlines fire in the order in which they were armed.
TEST(timer_queue, equal_deadlines_are_fifo) {
    timer_queue q;
    std::vector<int> log;
    std::vector<std::unique_ptr<timer>> timers;
    for (int i = 0; i < 100; ++i) {
        timers.push_back(std::make_unique<timer>(i, log));
        q.arm(*timers.back(), at(i % 2), &timer::fire);
    }
    q.fire_due(at(1));
    std::vector<int> expected;
    for (int start : {0, 1})
        for (int i = start; i < 100; i += 2) expected.push_back(i);
    EXPECT_EQ(log, expected);
}

TEST(timer_queue, clear_tells_the_nodes) {
    timer_queue q;
    std::vector<int> log;
    timer a(1, log);
    quiet b;
    q.arm(a, at(1), &timer::fire);
    q.arm(b, at(2), &quiet::fire);
    q.clear();
    EXPECT_EQ(log, std::vector{-1});
    EXPECT_FALSE(b.armed());
}

// The heap against a model: random arms, disarms and expiries.
TEST(timer_queue, agrees_with_a_sorted_list) {
    std::mt19937 random(7);
    timer_queue q;
    std::vector<int> log;
    std::vector<std::unique_ptr<timer>> timers;
    std::vector<std::pair<int, int>> model;  // deadline, number; in their order
    for (int i = 0; i < 500; ++i) timers.push_back(std::make_unique<timer>(i, log));
    int now = 0;
    for (int step = 0; step < 20'000; ++step) {
        const int which = static_cast<int>(random() % 500);
        timer& t = *timers[static_cast<std::size_t>(which)];
        if (t.armed()) {
            q.disarm(t);
            std::erase_if(model, [&](const auto& m) { return m.second == which; });
        } else {
            const int when = now + static_cast<int>(random() % 50);
            q.arm(t, at(when), &timer::fire);
            const auto earlier = [](int w, const auto& m) { return w < m.first; };
            model.emplace(std::upper_bound(model.begin(), model.end(), when, earlier), when, which);
        }
        if (step % 10 != 0) continue;
        ++now;
        std::vector<int> expected;
        for (const auto& [when, number] : model)
            if (when <= now) expected.push_back(number);
        std::erase_if(model, [&](const auto& m) { return m.first <= now; });
        log.clear();
        q.fire_due(at(now));
        ASSERT_EQ(log, expected) << "in step " << step;
        ASSERT_EQ(q.size(), model.size());
    }
    q.clear();
}

}  // namespace timer_queue_test
