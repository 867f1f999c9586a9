// The frame's own part of a coroutine: results of every kind, and the facts for debugging.
#include "asyncio/task/promise.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace promise_test {

using namespace asyncio;
using namespace std::chrono_literals;

template <class A>
auto drive(A&& a) {
    return new_event_loop()->run_until_complete(std::forward<A>(a));
}

struct counted {
    static inline int alive = 0;
    static inline int copies = 0;
    counted() { ++alive; }
    counted(const counted&) {
        ++alive;
        ++copies;
    }
    counted(counted&&) noexcept { ++alive; }
    counted& operator=(counted&&) = delete;
    ~counted() { --alive; }
};

coroutine<counted> by_value() { co_return counted(); }
coroutine<counted> by_name() {
    counted c;
    co_await sleep(0s);
    co_return c;
}
coroutine<std::string> converts() { co_return "text"; }
coroutine<std::vector<int>> braces() { co_return {1, 2, 3}; }
coroutine<std::function<int()>> callable() {
    co_return [] { return 3; };
}
coroutine<std::array<char, 10'000>> large() { co_return std::array<char, 10'000>{'x'}; }

TEST(promise_result, values_are_moved_and_destroyed_once) {
    counted::copies = 0;
    {
        const auto main = []() -> coroutine<> {
            const counted a = co_await by_value();
            const counted b = co_await by_name();
            (void)co_await by_value();
            (void)a;
            (void)b;
        };
        drive(main());
        (void)drive(by_value());
    }
    EXPECT_EQ(counted::alive, 0);
    EXPECT_EQ(counted::copies, 0);
}

TEST(promise_result, takes_what_converts) {
    EXPECT_EQ(drive(converts()), "text");
    EXPECT_EQ(drive(callable())(), 3);
    EXPECT_EQ(drive(large())[0], 'x');
    EXPECT_EQ(drive(braces()).size(), 3u);
}

coroutine<int&> refers(int& n) {
    co_await sleep(0s);
    co_return n;
}
coroutine<const std::string&> refers_to_constant(const std::string& s) { co_return s; }

TEST(promise_result, references_stay_references) {
    const auto main = []() -> coroutine<> {
        int n = 1;
        int& r = co_await refers(n);
        r = 2;
        EXPECT_EQ(n, 2);
        const std::string s = "text";
        const std::string& same = co_await refers_to_constant(s);
        EXPECT_EQ(&same, &s);
        const auto t = create_task(refers(n));
        int& shared = co_await t;
        EXPECT_EQ(&shared, &n);
    };
    drive(main());
}

coroutine<> finds_its_promise(const detail::promise_base*& found) {
    const auto t = current_task();
    found = static_cast<detail::task_state_base&>(*t.state()).root;
    co_await sleep(0s);
}

TEST(promise_base, knows_its_function_and_where_it_awaits) {
    const auto loop = new_event_loop();
    const detail::promise_base* promise = nullptr;
    const auto t = loop->create_task(finds_its_promise(promise));
    loop->call_soon([] {});
    EXPECT_EQ(promise, nullptr);
    loop->call_soon([&] {
        ASSERT_NE(promise, nullptr);
        EXPECT_NE(std::string(promise->function.function_name()).find("finds_its_promise"),
                  std::string::npos);
        EXPECT_GT(promise->where.line(), 0u);
        EXPECT_TRUE(promise->started);
        EXPECT_EQ(promise->depth, 0u);
        EXPECT_EQ(promise->parent, nullptr);
        EXPECT_EQ(promise->child, nullptr);
        EXPECT_EQ(static_cast<detail::future_state_base*>(promise->task), t.state().get());
        loop->stop();
    });
    loop->run_forever();
    loop->run_ready();
    t.result();
}

}  // namespace promise_test
