#include "asyncio/base/exceptions.hpp"

#include <gtest/gtest.h>

#include <string>

namespace exceptions_test {

using namespace asyncio;
using detail::as_cancelled;
using detail::describe;

template <class E>
std::exception_ptr pointer_to(E e) {
    return std::make_exception_ptr(std::move(e));
}

TEST(cancel_kind, has_words) {
    EXPECT_EQ(to_string(cancel_kind::explicit_request), "explicit");
    EXPECT_EQ(to_string(cancel_kind::deadline), "deadline");
    EXPECT_EQ(to_string(cancel_kind::sibling_failed), "sibling failed");
    EXPECT_EQ(to_string(cancel_kind::shutdown), "shutdown");
    EXPECT_EQ(to_string(cancel_kind::signal), "signal");
    EXPECT_EQ(to_string(static_cast<cancel_kind>(99)), "unknown");
}

// S47: catch (const std::exception&) does not swallow a cancel.
TEST(cancelled_error, is_no_std_exception) {
    static_assert(!std::is_base_of_v<std::exception, cancelled_error>);
    static_assert(!std::is_base_of_v<std::exception, keyboard_interrupt>);
    static_assert(!std::is_base_of_v<std::exception, system_exit>);
    EXPECT_THROW(
        try { throw cancelled_error("stop"); } catch (const std::exception&){}, cancelled_error);
}

TEST(cancelled_error, tells_the_message_and_the_reason) {
    const auto here = std::source_location::current();
    const cancelled_error e(
        detail::make_cancel("too late", cancel_kind::deadline, "the clock", here));
    EXPECT_EQ(e.message(), "too late");
    EXPECT_EQ(e.reason().kind, cancel_kind::deadline);
    EXPECT_EQ(e.reason().who, "the clock");
    EXPECT_EQ(e.reason().where.line(), here.line());
    const std::string text = e.describe();
    EXPECT_EQ(text.find("cancelled: too late (deadline, by the clock, at "), 0u) << text;
    EXPECT_NE(text.find("exceptions_test.cpp:" + std::to_string(here.line())), std::string::npos);
}

TEST(cancelled_error, may_know_nothing) {
    const cancelled_error e;
    EXPECT_EQ(e.message(), "");
    EXPECT_EQ(e.reason().kind, cancel_kind::explicit_request);
    EXPECT_EQ(e.reason().who, "");
    EXPECT_EQ(e.describe(), "cancelled");
    EXPECT_FALSE(e.record());
    EXPECT_EQ(cancelled_error("x").describe(), "cancelled: x (explicit)");
}

TEST(cancelled_error, copies_share_the_record) {
    const cancelled_error e("x");
    const cancelled_error copy = e;
    EXPECT_EQ(copy.record().get(), e.record().get());
    EXPECT_EQ(copy.record()->message, "x");
    cancelled_error other;
    other = copy;
    EXPECT_EQ(other.message(), "x");
}

TEST(as_cancelled, looks_without_throwing) {
    EXPECT_EQ(as_cancelled(nullptr), nullptr);
    EXPECT_EQ(as_cancelled(pointer_to(std::runtime_error("x"))), nullptr);
    const std::exception_ptr e = pointer_to(cancelled_error("x"));
    ASSERT_NE(as_cancelled(e), nullptr);
    EXPECT_EQ(as_cancelled(e)->message(), "x");
    try {
        std::rethrow_exception(e);
    } catch (...) {
        const std::exception_ptr again = std::current_exception();
        ASSERT_NE(as_cancelled(again), nullptr);
        EXPECT_EQ(as_cancelled(again)->message(), "x");
    }
}

TEST(is_fatal, knows_the_two_that_leave_the_loop) {
    EXPECT_TRUE(detail::is_fatal(pointer_to(keyboard_interrupt())));
    EXPECT_TRUE(detail::is_fatal(pointer_to(system_exit(1))));
    EXPECT_FALSE(detail::is_fatal(pointer_to(cancelled_error())));
    EXPECT_FALSE(detail::is_fatal(pointer_to(std::logic_error("x"))));
    EXPECT_FALSE(detail::is_fatal(nullptr));
}

TEST(describe, gives_type_and_text) {
    EXPECT_EQ(describe(nullptr), "no exception");
    EXPECT_EQ(describe(pointer_to(std::runtime_error("no route"))), "std::runtime_error: no route");
    EXPECT_EQ(describe(pointer_to(cancelled_error("x"))),
              "asyncio::cancelled_error: cancelled: x (explicit)");
    EXPECT_EQ(describe(pointer_to(42)), "int: 42");
    EXPECT_EQ(describe(pointer_to(std::string("text"))).substr(0, 5), "std::");
    EXPECT_EQ(describe(pointer_to(system_exit(3))), "asyncio::system_exit");
    try {
        throw "words";
    } catch (...) {
        EXPECT_EQ(describe(std::current_exception()), "char const*: words");
    }
}

TEST(exceptions, speak_for_themselves) {
    EXPECT_STREQ(timeout_error().what(), "asyncio: timed out");
    EXPECT_STREQ(timeout_error("connect: timed out").what(), "connect: timed out");
    EXPECT_STREQ(invalid_state_error("x").what(), "x");
    EXPECT_STREQ(queue_empty().what(), "asyncio: the queue is empty");
    EXPECT_STREQ(queue_full().what(), "asyncio: the queue is full");
    EXPECT_STREQ(queue_shut_down().what(), "asyncio: the queue was shut down");
    EXPECT_STREQ(broken_barrier_error("broken").what(), "broken");
    EXPECT_EQ(keyboard_interrupt().signal_number(), 2);
    EXPECT_EQ(keyboard_interrupt(15).signal_number(), 15);
    EXPECT_EQ(system_exit().code(), 0);
    EXPECT_EQ(system_exit(3).code(), 3);
}

TEST(incomplete_read_error, keeps_what_was_read) {
    const incomplete_read_error e("abc", 10);
    EXPECT_EQ(e.partial(), "abc");
    EXPECT_EQ(e.expected(), 10u);
    EXPECT_STREQ(e.what(), "asyncio: the stream ended after 3 of 10 expected bytes");
    EXPECT_STREQ(incomplete_read_error("", 0).what(),
                 "asyncio: the stream ended after 0 bytes, before the separator");
}

TEST(limit_overrun_error, tells_how_much_can_be_taken) {
    const limit_overrun_error e("too long", 7);
    EXPECT_EQ(e.consumed(), 7u);
    EXPECT_STREQ(e.what(), "too long");
}

TEST(exception_group, lists_its_members) {
    const exception_group e("2 of 3 failed",
                            {pointer_to(std::runtime_error("a")), pointer_to(timeout_error())});
    EXPECT_EQ(e.message(), "2 of 3 failed");
    EXPECT_EQ(e.exceptions().size(), 2u);
    EXPECT_STREQ(e.what(),
                 "2 of 3 failed (2 sub-exceptions)\n  - std::runtime_error: a\n"
                 "  - asyncio::timeout_error: asyncio: timed out");
    EXPECT_STREQ(exception_group("one", {pointer_to(timeout_error())}).what(),
                 "one (1 sub-exception)\n  - asyncio::timeout_error: asyncio: timed out");
}

TEST(throwers, throw_what_they_say) {
    EXPECT_THROW(detail::throw_cancelled({}), cancelled_error);
    EXPECT_THROW(detail::throw_invalid_state("x"), invalid_state_error);
    EXPECT_THROW(detail::throw_runtime_error("x"), std::runtime_error);
    EXPECT_THROW(detail::throw_invalid_argument("x"), std::invalid_argument);
}

}  // namespace exceptions_test
