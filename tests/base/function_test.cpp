#include "asyncio/base/function.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace function_test {

using asyncio::detail::function;

int twice(int x) { return 2 * x; }

TEST(function, calls_what_it_holds) {
    const function<int(int)> f(twice);
    EXPECT_TRUE(f);
    EXPECT_EQ(f(4), 8);
    const function<int(int)> g([add = 3](int x) { return x + add; });
    EXPECT_EQ(g(4), 7);
}

TEST(function, may_be_empty) {
    const function<void()> none;
    EXPECT_FALSE(none);
}

TEST(function, owns_what_cannot_be_copied) {
    function<int()> f([p = std::make_unique<int>(5)] { return *p; });
    function<int()> g = std::move(f);
    EXPECT_FALSE(f);
    EXPECT_EQ(g(), 5);
    f = std::move(g);
    EXPECT_EQ(f(), 5);
    f = {};
    EXPECT_FALSE(f);
}

TEST(function, passes_references_and_values) {
    const function<void(std::string&, std::unique_ptr<int>)> f(
        [](std::string& s, std::unique_ptr<int> p) { s += std::to_string(*p); });
    std::string text = "n=";
    f(text, std::make_unique<int>(7));
    EXPECT_EQ(text, "n=7");
}

TEST(function, copies_a_named_callable) {
    std::function<int(int)> named = twice;
    const function<int(int)> f(named);
    EXPECT_EQ(f(1), 2);
    EXPECT_EQ(named(1), 2);
}

struct counter {
    int add(int n) { return total += n; }
    [[nodiscard]] int get() const { return total; }
    int total = 0;
};

TEST(invoke, calls_members_of_objects_pointers_and_references) {
    counter c;
    EXPECT_EQ(asyncio::detail::invoke(&counter::add, c, 2), 2);
    EXPECT_EQ(asyncio::detail::invoke(&counter::add, &c, 2), 4);
    EXPECT_EQ(asyncio::detail::invoke(&counter::add, std::ref(c), 2), 6);
    EXPECT_EQ(asyncio::detail::invoke(&counter::add, std::make_unique<counter>(), 2), 2);
    EXPECT_EQ(asyncio::detail::invoke(&counter::get, std::as_const(c)), 6);
    EXPECT_EQ(asyncio::detail::invoke(twice, 3), 6);
    EXPECT_EQ(asyncio::detail::invoke([](int x) { return x; }, 3), 3);
}

}  // namespace function_test
