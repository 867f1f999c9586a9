#include "asyncio/task/native.hpp"

#include <gtest/gtest.h>

#include <string>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace native_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;

struct foreign {
    static bool await_ready() { return true; }
    static void await_suspend(std::coroutine_handle<>) {}
    static std::string await_resume() { return "foreign"; }
};
struct failing : foreign {
    static std::string await_resume() { throw std::runtime_error("failed"); }
};

/// Awaits something through a holder, as the library's own combinators do.
template <class A>
class through_a_holder {
   public:
    using asyncio_awaiter = void;
    explicit through_a_holder(A&& a) : held_(std::move(a)) {}
    through_a_holder(through_a_holder&&) = default;
    bool await_ready() { return held_.get().await_ready(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> h) {
        return held_.suspend(h);
    }
    auto await_resume() { return held_.resume_outcome(); }

   private:
    detail::held_awaiter<A> held_;
};

template <class A>
coroutine<std::string> outcome_text(A a) {
    through_a_holder<A> holder(std::move(a));
    auto o = co_await std::move(holder);
    if (!o) co_return detail::describe(o.exception());
    if constexpr (std::is_void_v<typename decltype(o)::value_type>)
        co_return "done";
    else
        co_return o.value();
}

coroutine<std::string> text() {
    co_await sleep(0s);
    co_return "text";
}

TEST(held_awaiter, holds_everything_that_can_be_awaited) {
    manual_loop loop;
    const auto run = [&](auto c) { return loop->run_until_complete(std::move(c)); };
    EXPECT_EQ(run(outcome_text(text())), "text");
    EXPECT_EQ(run(outcome_text(sleep(1s))), "done");
    EXPECT_EQ(run(outcome_text(loop->create_task(text()))), "text");
    EXPECT_EQ(run(outcome_text(foreign())), "foreign");
    EXPECT_EQ(run(outcome_text(failing())), "std::runtime_error: failed");
    const auto f = loop->create_future<std::string>();
    loop->call_soon([f] { f.set_exception(std::runtime_error("set")); });
    EXPECT_EQ(run(outcome_text(f)), "std::runtime_error: set");
}

TEST(native_awaiter_of, is_the_awaiter_itself_or_a_relay) {
    using own = decltype(sleep(1s));
    static_assert(std::is_same_v<decltype(detail::native_awaiter_of(std::declval<own&>())), own&>);
    static_assert(detail::native_awaiter<decltype(detail::native_awaiter_of(foreign()))>);
    static_assert(!detail::native_awaiter<foreign>);
}

}  // namespace native_test
