// What nobody else could handle.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace exception_handler_test {

using namespace asyncio;
using support::manual_loop;
using support::reports;

exception_context context_of(const char* message) {
    return {.message = message, .exception = nullptr, .task_name = {}, .details = {}};
}

template <class F>
std::string printed(F&& f) {
    ::testing::internal::CaptureStderr();
    f();
    return ::testing::internal::GetCapturedStderr();
}

// S19: the loop goes on.
TEST(exception_handler, is_told_and_the_loop_goes_on) {
    manual_loop loop;
    reports told(*loop);
    bool went_on = false;
    loop->call_soon([] { throw std::runtime_error("first"); });
    loop->call_soon([] { throw 42; });
    loop->call_soon([&] { went_on = true; });
    loop->run_ready();
    EXPECT_TRUE(went_on);
    ASSERT_EQ(told.all.size(), 2u);
    EXPECT_EQ(detail::describe(told.all[1].exception), "int: 42");
}

TEST(exception_handler, the_default_one_writes_to_standard_error) {
    manual_loop loop;
    EXPECT_EQ(printed([&] {
                  loop->default_exception_handler(
                      {.message = "It failed",
                       .exception = std::make_exception_ptr(std::runtime_error("no route")),
                       .task_name = "worker",
                       .details = "  created at x.cpp:3"});
              }),
              "It failed\n  task: worker\n  exception: std::runtime_error: no route\n"
              "  created at x.cpp:3\n");
    EXPECT_EQ(printed([&] { loop->call_exception_handler(context_of("short")); }), "short\n");
}

// S20: a handler that throws: the default one is called with the original context.
TEST(exception_handler, one_that_throws) {
    manual_loop loop;
    loop->set_exception_handler(
        [](event_loop&, const exception_context&) { throw std::runtime_error("broken"); });
    const std::string text = printed([&] { loop->call_exception_handler(context_of("original")); });
    EXPECT_EQ(text, "Unhandled error in exception handler: std::runtime_error: broken\noriginal\n");
    bool went_on = false;
    loop->call_soon([] { throw std::runtime_error("no"); });
    loop->call_soon([&] { went_on = true; });
    EXPECT_NE(printed([&] { loop->run_ready(); }).find("broken"), std::string::npos);
    EXPECT_TRUE(went_on);
}

TEST(exception_handler, may_end_the_program) {
    manual_loop loop;
    loop->set_exception_handler(
        [](event_loop&, const exception_context&) { throw system_exit(4); });
    EXPECT_THROW(loop->call_exception_handler(context_of("m")), system_exit);
    loop->call_soon([] { throw std::runtime_error("no"); });
    EXPECT_THROW(loop->run_ready(), system_exit);
}

TEST(exception_handler, null_restores_the_default) {
    manual_loop loop;
    void (*null)(event_loop&, const exception_context&) = nullptr;
    const auto restored = [&] {
        return printed([&] { loop->call_exception_handler(context_of("m")); }) == "m\n";
    };
    reports told(*loop);
    loop->set_exception_handler(nullptr);
    EXPECT_TRUE(restored());
    reports again(*loop);
    loop->set_exception_handler(null);
    EXPECT_TRUE(restored());
    loop->set_exception_handler(std::function<void(event_loop&, const exception_context&)>());
    EXPECT_TRUE(restored());
    EXPECT_TRUE(told.all.empty() && again.all.empty());
}

TEST(exception_handler, may_replace_itself) {
    manual_loop loop;
    std::string log;
    loop->set_exception_handler(
        [&, text = std::string(100, 'x')](event_loop& l, const exception_context& c) {
            l.set_exception_handler(
                [&](event_loop&, const exception_context& later) { log += later.message; });
            log += text.substr(0, 1) + c.message;
        });
    loop->call_exception_handler(context_of("1"));
    loop->call_exception_handler(context_of("2"));
    EXPECT_EQ(log, "x12");
}

TEST(exception_handler, may_call_itself_and_the_default) {
    manual_loop loop;
    int depth = 0;
    loop->set_exception_handler([&](event_loop& l, const exception_context& c) {
        if (++depth < 3) l.call_exception_handler(c);
        if (depth == 3) l.default_exception_handler(c);
    });
    EXPECT_EQ(printed([&] { loop->call_exception_handler(context_of("m")); }), "m\nm\nm\n");
}

TEST(exception_handler, lives_as_long_as_the_loop) {
    auto owned = std::make_shared<int>(1);
    manual_loop loop;
    loop->set_exception_handler([owned](event_loop&, const exception_context&) {});
    EXPECT_EQ(owned.use_count(), 2);
    loop->close();
    EXPECT_EQ(owned.use_count(), 1);
    EXPECT_EQ(printed([&] { loop->call_exception_handler(context_of("late")); }), "late\n");
}

}  // namespace exception_handler_test
