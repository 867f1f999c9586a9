// The bare context: task/context_test.cpp tests the variables.
#include "asyncio/base/context.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace context_test {

using namespace asyncio::detail;

struct number final : context_value {
    explicit number(int x, int* count = nullptr) : n(x), alive(count) {
        if (alive != nullptr) ++*alive;
    }
    number(const number&) = delete;
    ~number() override {
        if (alive != nullptr) --*alive;
    }
    int n;
    int* alive;
};

int find(const void* variable) {
    auto* v = static_cast<number*>(context_find(variable));
    return v != nullptr ? v->n : -1;
}

class context_test : public ::testing::Test {
   protected:
    context_test() : scope_(own_) {}  // tests do not see each other's values
    context_ref own_;
    context_scope scope_;
    int a_ = 0;
    int b_ = 0;
};

TEST_F(context_test, finds_what_was_set) {
    EXPECT_EQ(find(&a_), -1);
    context_replace(&a_, new number(1));
    context_replace(&b_, new number(2));
    EXPECT_EQ(find(&a_), 1);
    EXPECT_EQ(find(&b_), 2);
    context_replace(&a_, new number(3));
    EXPECT_EQ(find(&a_), 3);
    EXPECT_EQ(find(&b_), 2);
}

TEST_F(context_test, null_removes) {
    context_replace(&a_, new number(1));
    context_replace(&a_, nullptr);
    EXPECT_EQ(find(&a_), -1);
    EXPECT_EQ(current_context(), nullptr);
    context_replace(&b_, nullptr);
}

TEST_F(context_test, a_copy_does_not_change_with_the_original) {
    context_replace(&a_, new number(1));
    context_ref copy = context_ref::copy_current();
    context_replace(&a_, new number(2));
    {
        const context_scope scope(copy);
        EXPECT_EQ(find(&a_), 1);
        context_replace(&a_, new number(5));
    }
    EXPECT_EQ(find(&a_), 2);
    const context_ref again = copy;
    context_ref moved = std::move(copy);
    {
        const context_scope scope(moved);
        EXPECT_EQ(find(&a_), 5);
    }
    moved = again;
    EXPECT_EQ(find(&a_), 2);
}

TEST_F(context_test, values_die_with_the_last_context) {
    int alive = 0;
    context_replace(&a_, new number(1, &alive));
    {
        const context_ref copy = context_ref::copy_current();
        context_replace(&a_, new number(2));
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
}

TEST_F(context_test, another_thread_may_drop_the_last_reference) {
    int alive = 0;
    context_replace(&a_, new number(1, &alive));
    std::thread other([copy = context_ref::copy_current()]() mutable {
        const context_scope scope(copy);
        (void)find(nullptr);
    });
    context_replace(&a_, nullptr);
    other.join();
    EXPECT_EQ(alive, 0);
}

}  // namespace context_test
