#include "asyncio/base/outcome.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace outcome_test {

using namespace asyncio;

template <class T>
outcome<T> failed(const char* why) {
    return outcome<T>(std::make_exception_ptr(std::runtime_error(why)));
}

TEST(outcome, holds_a_value) {
    outcome<std::string> o(std::in_place, "text");
    EXPECT_TRUE(o.has_value());
    EXPECT_TRUE(static_cast<bool>(o));
    EXPECT_FALSE(o.cancelled());
    EXPECT_EQ(o.exception(), nullptr);
    EXPECT_EQ(o.value(), "text");
    o.value() += "!";
    EXPECT_EQ(std::as_const(o).value(), "text!");
    EXPECT_EQ(std::move(o).value(), "text!");
    static_assert(std::is_same_v<outcome<int>::value_type, int>);
}

TEST(outcome, holds_an_error) {
    const auto o = failed<int>("no");
    EXPECT_FALSE(o.has_value());
    EXPECT_FALSE(o.cancelled());
    EXPECT_NE(o.exception(), nullptr);
    EXPECT_THROW((void)o.value(), std::runtime_error);
    EXPECT_THROW((void)failed<int>("no").value(), std::runtime_error);
}

TEST(outcome, holds_a_cancel) {
    outcome<> o(std::make_exception_ptr(cancelled_error("stop")));
    EXPECT_TRUE(o.cancelled());
    EXPECT_FALSE(o.has_value());
    EXPECT_THROW(o.value(), cancelled_error);
}

TEST(outcome, holds_the_reason_of_a_cancel) {
    const auto why = detail::make_cancel("stop", cancel_kind::deadline, "main", {});
    outcome<std::string> a(detail::was_cancelled{why});
    EXPECT_TRUE(a.cancelled());
    EXPECT_FALSE(a.has_value());
    EXPECT_EQ(detail::as_cancelled(a.exception())->record(), why);
    EXPECT_THROW((void)a.value(), cancelled_error);
    outcome<std::string> b = a;
    EXPECT_TRUE(b.cancelled());
    b = outcome<std::string>(std::in_place, "text");
    EXPECT_EQ(b.value(), "text");
    EXPECT_EQ(b.exception(), nullptr);
    b = std::move(a);
    EXPECT_TRUE(b.cancelled());
    b = failed<std::string>("no");
    EXPECT_FALSE(b.cancelled());
    EXPECT_THROW((void)b.value(), std::runtime_error);
}

TEST(outcome, of_nothing) {
    outcome<> o(std::in_place);
    EXPECT_TRUE(o.has_value());
    o.value();
    std::move(o).value();
}

TEST(outcome, of_a_reference) {
    int n = 3;
    outcome<int&> o(std::in_place, n);
    o.value() = 4;
    EXPECT_EQ(n, 4);
    EXPECT_EQ(&std::move(o).value(), &n);
}

TEST(outcome, moves_what_cannot_be_copied) {
    outcome<std::unique_ptr<int>> a(std::in_place, std::make_unique<int>(1));
    outcome<std::unique_ptr<int>> b = std::move(a);
    EXPECT_EQ(*b.value(), 1);
    a = std::move(b);
    EXPECT_EQ(*a.value(), 1);
    EXPECT_EQ(*std::move(a).value(), 1);
}

TEST(outcome, copies_and_assigns) {
    outcome<std::string> a(std::in_place, "a");
    const outcome<std::string> copy = a;
    EXPECT_EQ(copy.value(), "a");
    a = failed<std::string>("no");
    EXPECT_FALSE(a.has_value());
    const outcome<std::string> error = a;
    EXPECT_NE(error.exception(), nullptr);
    a = copy;
    EXPECT_EQ(a.value(), "a");
    EXPECT_EQ(a.exception(), nullptr);
}

struct moves_once {
    moves_once() = default;
    moves_once(moves_once&& o) : refuses(o.refuses) {
        if (refuses) throw std::runtime_error("cannot move");
    }
    bool refuses = false;
};

TEST(outcome, a_failing_move_leaves_no_half_value) {
    outcome<moves_once> a(std::in_place);
    a.value().refuses = true;
    EXPECT_THROW((void)outcome<moves_once>(std::move(a)), std::runtime_error);
    outcome<moves_once> b(std::in_place);
    EXPECT_THROW(b = std::move(a), std::runtime_error);
    EXPECT_TRUE(b.has_value());
}

TEST(outcome, an_empty_one_says_so) {
    const outcome<int> o{std::exception_ptr()};
    EXPECT_FALSE(o.has_value());
    EXPECT_FALSE(o.cancelled());
    EXPECT_THROW((void)o.value(), invalid_state_error);
}

}  // namespace outcome_test
