#include "asyncio/task/awaitable.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"

namespace awaitable_test {

using namespace asyncio;

struct with_member {
    std::suspend_never operator co_await() const { return {}; }
};
struct with_rvalue_member {
    std::suspend_never operator co_await() && { return {}; }
};
struct with_free {};
[[maybe_unused]] std::suspend_never operator co_await(with_free) { return {}; }
struct three_functions {
    static bool await_ready() { return true; }
    static void await_suspend(std::coroutine_handle<>) {}
    static std::string await_resume() { return "x"; }
};
struct not_ready_type {
    static std::string await_ready() { return ""; }
    static void await_resume() {}
};

static_assert(awaitable<coroutine<int>>);
static_assert(awaitable<coroutine<int>&&>);
static_assert(!awaitable<coroutine<int>&>);  // S65: once, as an rvalue
static_assert(!awaitable<const coroutine<int>&>);
static_assert(awaitable<future<int>> && awaitable<future<int>&> && awaitable<const future<int>&>);
static_assert(awaitable<task<>> && awaitable<task<>&>);
static_assert(awaitable<decltype(sleep(std::chrono::seconds(1)))>);
static_assert(awaitable<with_member> && awaitable<with_free> && awaitable<three_functions>);
static_assert(awaitable<with_rvalue_member> && !awaitable<with_rvalue_member&>);
static_assert(awaitable<std::suspend_never>);
static_assert(!awaitable<int> && !awaitable<std::string> && !awaitable<void*>);
static_assert(!awaitable<not_ready_type>);
static_assert(!awaitable<int (*)()>);

template <class A, class Expected>
constexpr bool gives = std::is_same_v<await_result_t<A>, Expected>;

static_assert(gives<coroutine<int>, int> && gives<coroutine<>, void>);
static_assert(gives<coroutine<int&>, int&>);
static_assert(gives<coroutine<std::unique_ptr<int>>, std::unique_ptr<int>>);
static_assert(gives<future<int>&, int&> && gives<future<int>, int> && gives<future<>, void>);
static_assert(gives<const task<std::string>&, std::string&>);
static_assert(gives<task<std::string>, std::string>);
static_assert(gives<three_functions, std::string>);
static_assert(gives<decltype(sleep(std::chrono::seconds(1), 5)), int>);

TEST(awaitable, is_a_matter_of_types) { SUCCEED(); }

}  // namespace awaitable_test
