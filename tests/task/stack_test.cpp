// Async stacks: task.get_stack(), print_stack(), and what reports say of them.
#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace stack_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

coroutine<> innermost(future<> f) { co_await f; }
coroutine<> middle(future<> f) { co_await innermost(f); }
coroutine<> outermost(future<> f) { co_await middle(f); }

/// The text that print_stack() writes.
template <class T>
std::string printed(const task<T>& t) {
    std::FILE* file = std::tmpfile();
    t.print_stack(file);
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
    return text;
}

TEST(stack, names_every_await_outermost_first) {
    manual_loop loop;
    const auto f = loop->create_future();
    const auto t = loop->create_task(outermost(f));
    loop->run_ready();
    const auto frames = t.get_stack();
    ASSERT_EQ(frames.size(), 3u);
    const char* names[] = {"outermost", "middle", "innermost"};
    for (std::size_t i = 0; i < 3; ++i) {
        const stack_frame& frame = frames[i];
        EXPECT_NE(frame.function.find(names[i]), std::string_view::npos) << frame.function;
        EXPECT_NE(std::string(frame.where.file_name()).find("stack_test.cpp"), std::string::npos);
        EXPECT_GT(frame.where.line(), 0u);
    }
    EXPECT_GT(frames[0].where.line(), frames[1].where.line());
    f.set_result();
    loop->run_ready();
    EXPECT_TRUE(t.get_stack().empty());
}

TEST(stack, before_the_start_there_is_one_frame_without_a_line) {
    manual_loop loop;
    const auto f = loop->create_future();
    const auto t = loop->create_task(outermost(f));
    ASSERT_EQ(t.get_stack().size(), 1u);
    EXPECT_EQ(t.get_stack()[0].where.line(), 0u);
    EXPECT_NE(printed(t).find("outermost"), std::string::npos) << printed(t);
    t.cancel();
    loop->run_ready();
}

TEST(stack, of_a_task_that_dies_with_its_loop_says_what_it_waited_for) {
    manual_loop loop;
    reports told(*loop);
    loop->create_task(sleep(2s));
    loop->run_ready();
    loop->close();
    EXPECT_TRUE(told.contains("waits for a sleep (2.000 s left)")) << told.text;
}

TEST(stack, is_printed_with_what_it_waits_for) {
    manual_loop loop;
    const auto f = loop->create_future();
    const auto t = loop->create_task(outermost(f), task_options{.name = "waiter"});
    const auto waits = [](task<> other) -> coroutine<> { co_await other; };
    const auto second = loop->create_task({.name = "second"}, waits, t);
    const auto third = loop->create_task(sleep(2s), task_options{.name = "third"});
    loop->run_ready();
    std::string text = printed(t);
    EXPECT_EQ(text.find("  stack of task 'waiter' (innermost await last):\n"), 0u) << text;
    EXPECT_NE(text.find("stack_test.cpp:"), std::string::npos);
    EXPECT_NE(text.find("outermost"), std::string::npos);
    EXPECT_NE(text.find("    waits for a future made at "), std::string::npos);
    EXPECT_NE(printed(second).find("    waits for task 'waiter'\n"), std::string::npos);
    EXPECT_NE(printed(third).find("    waits for a sleep (2.000 s left)\n"), std::string::npos);
    f.set_result();
    third.cancel();
    loop->run_ready();
    EXPECT_NE(printed(t).find("(it is done)"), std::string::npos);
    (void)second;
}

coroutine<> deep(int n, future<> f) {
    if (n == 0)
        co_await f;
    else
        co_await deep(n - 1, f);
}

TEST(stack, a_deep_one_is_shortened_in_print_only) {
    manual_loop loop;
    const auto f = loop->create_future();
    const auto t = loop->create_task(deep(1000, f));
    loop->run_ready();
    EXPECT_EQ(t.get_stack().size(), 1001u);
    const std::string text = printed(t);
    EXPECT_NE(text.find("frames in between are not shown"), std::string::npos);
    f.set_result();
    loop->run_ready();
}

coroutine<> fails_inside(int n) {
    if (n > 0) co_return co_await fails_inside(n - 1);
    co_await sleep(0s);
    throw std::runtime_error("inside");
}
coroutine<> awaits_a_failing_task() {
    const auto t = create_task(fails_inside(1), {.name = "inner"});
    co_await t;
}

TEST(stack, of_an_exception_goes_through_tasks) {
    manual_loop loop;
    reports told(*loop);
    (void)loop->create_task(awaits_a_failing_task());
    loop->run_ready();
    ASSERT_EQ(told.all.size(), 1u);
    const std::string& details = told.all[0].details;
    const auto outer = details.find("awaits_a_failing_task");
    const auto border = details.find("the awaited task 'inner':");
    const auto inner = details.find("fails_inside");
    EXPECT_LT(outer, border) << details;
    EXPECT_LT(border, inner) << details;
    EXPECT_NE(inner, std::string::npos) << details;
}

coroutine<> fails_twice() {
    try {
        co_await fails_inside(2);
    } catch (const std::runtime_error&) {
    }
    co_await sleep(0s);
    throw std::logic_error("second");
}

TEST(stack, of_the_last_exception_only) {
    manual_loop loop;
    reports told(*loop);
    (void)loop->create_task(fails_twice());
    loop->run_ready();
    ASSERT_EQ(told.all.size(), 1u);
    EXPECT_NE(told.all[0].details.find("fails_twice"), std::string::npos);
    EXPECT_EQ(told.all[0].details.find("fails_inside"), std::string::npos);
}

TEST(stack, of_a_task_of_a_callable_names_the_callable) {
    manual_loop loop;
    const auto f = loop->create_future();
    const auto t = loop->create_task(outermost, f);
    loop->run_ready();
    EXPECT_NE(printed(t).find("outermost"), std::string::npos);
    f.set_result();
    loop->run_ready();
}

TEST(stack, destroying_a_pending_task_tells_where_it_was) {
    manual_loop loop;
    reports told(*loop);
    const auto f = loop->create_future();
    (void)loop->create_task(outermost(f));
    loop->run_ready();
    loop->close();
    EXPECT_TRUE(told.contains("Task was destroyed but it is pending!"));
    EXPECT_TRUE(told.contains("created at "));
    EXPECT_TRUE(told.contains("innermost"));
    EXPECT_TRUE(told.contains("waits for a future"));
}

}  // namespace stack_test
