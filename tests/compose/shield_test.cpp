#include "asyncio/compose/shield.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace shield_test {

using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::gather;
using asyncio::run;
using asyncio::shield;
using asyncio::sleep;
using namespace situations;

using names = std::vector<std::string>;

// S88
TEST(shield, cancelled_leaves_the_inner_one_running_and_lets_go_of_it) {
    const auto main = []() -> coroutine<> {
        const auto inner = create_task(give(5, 4));
        const future<int> outer = shield(inner);
        co_await sleep(0s);
        EXPECT_FALSE(inner.state()->waiters().empty());
        EXPECT_TRUE(outer.cancel("out"));
        EXPECT_TRUE(outer.cancelled());
        EXPECT_TRUE(inner.state()->waiters().empty());
        const std::string how = co_await ending(outer);
        EXPECT_EQ(how, "cancelled: out");
        EXPECT_EQ(inner.cancelling(), 0u);
        const int value = co_await inner;
        EXPECT_EQ(value, 5);
    };
    run(main);
}

// S88
TEST(shield, protects_from_the_cancel_of_the_task_that_awaits_it) {
    const auto main = []() -> coroutine<> {
        const auto inner = create_task(give(5, 4));
        const auto waiter = create_task([](auto t) -> coroutine<> { co_await shield(t); }, inner);
        co_await rounds(2);
        waiter.cancel("out");
        const std::string how = co_await ending(waiter);
        EXPECT_EQ(how, "cancelled: out");
        EXPECT_FALSE(inner.done());
        const int value = co_await inner;
        EXPECT_EQ(value, 5);
    };
    run(main);
}

// S89
TEST(shield, is_cancelled_with_the_inner_one) {
    const auto main = []() -> coroutine<> {
        const auto inner = create_task(forever());
        const future<int> outer = shield(inner);
        co_await rounds(1);
        inner.cancel("in");
        const std::string how = co_await ending(outer);
        EXPECT_EQ(how, "cancelled: in");
        EXPECT_TRUE(outer.cancelled());
    };
    run(main);
}

// S89
TEST(shield, of_what_is_done_is_the_same_future) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        f.set_result(1);
        EXPECT_EQ(shield(f), f);
        co_return;
    };
    run(main);
}

// S89
TEST(shield, composes_with_gather_both_ways) {
    const auto main = []() -> coroutine<> {
        const auto a = create_task(give(1, 3));
        const auto b = create_task(give(2, 3));
        const auto inside = gather(shield(a), shield(b));
        const auto outside = shield(gather(a, b));
        co_await rounds(1);
        outside.cancel();
        inside.cancel();
        const std::string how = co_await ending(inside);
        EXPECT_EQ(how, "cancelled");
        EXPECT_EQ(a.cancelling() + b.cancelling(), 0u);
        const auto [x, y] = co_await shield(gather(a, b));
        EXPECT_EQ(x + y, 3);
    };
    run(main);
}

TEST(shield, gives_the_value_or_the_error) {
    const auto main = []() -> coroutine<> {
        const int coroutine_result = co_await shield(give(1, 1));
        EXPECT_EQ(coroutine_result, 1);
        const std::string how = co_await ending(shield(fail("x", 1)));
        EXPECT_EQ(how, "std::runtime_error: x");
        co_await shield(rounds(1));
        const int slept = co_await shield(sleep(0s, 2));
        EXPECT_EQ(slept, 2);
        const int other_thread = co_await shield(threaded_foreign(3));
        EXPECT_EQ(other_thread, 3);
        const int at_once = co_await shield(inline_foreign(4));
        EXPECT_EQ(at_once, 4);
        const future<int> f = new_future();
        asyncio::get_running_loop().call_soon([f] { f.set_result(5); });
        const int from_future = co_await shield(f);
        EXPECT_EQ(from_future, 5);
    };
    run(main);
    EXPECT_EQ(run([]() -> coroutine<int> {
                  const auto t = create_task(shield(give(6)));
                  co_return co_await t;
              }),
              6);
}

TEST(shield, refuses_an_empty_handle) {
    EXPECT_EQ(error_of([] { (void)shield(future<int>()); }),
              "asyncio::invalid_state_error: asyncio: this future or task handle is empty: it was "
              "default-constructed or moved from");
    EXPECT_EQ(error_of([] {
                  const future<std::unique_ptr<int>> none;
                  (void)shield(none);
              }).substr(0, 31),
              "asyncio::invalid_state_error: a");
}

TEST(shield, moves_what_cannot_be_copied_unless_a_name_keeps_it) {
    const auto main = []() -> coroutine<> {
        const std::unique_ptr<int> moved = co_await shield(give(std::make_unique<int>(1), 1));
        EXPECT_EQ(*moved, 1);
        const auto named = create_task(give(std::make_unique<int>(2), 1));
        const std::unique_ptr<int>& pending = co_await shield(named);
        EXPECT_EQ(*pending, 2);
        const std::unique_ptr<int>& done = co_await shield(named);
        EXPECT_EQ(&done, &pending);
        EXPECT_EQ(&done, &named.result());
        std::vector<coroutine<std::unique_ptr<int>>> many;
        many.push_back(give(std::make_unique<int>(3)));
        const auto all = gather(std::move(many));
        const auto& kept = co_await shield(all);
        EXPECT_EQ(*kept[0], 3);
    };
    run(main);
}

TEST(shield, gives_references_as_they_are) {
    static int number = 5;
    const auto reference = []() -> coroutine<int&> {
        co_await sleep(0s);
        co_return number;
    };
    const auto main = [&]() -> coroutine<> {
        int& r = co_await shield(reference());
        EXPECT_EQ(&r, &number);
    };
    run(main);
}

TEST(shield, reports_a_value_that_throws_while_it_is_copied) {
    struct fragile {
        fragile() = default;
        fragile(const fragile&) { throw std::runtime_error("no copies"); }
        fragile(fragile&&) noexcept {}
        fragile& operator=(const fragile&) = delete;
    };
    const auto main = []() -> coroutine<std::string> {
        const auto named = create_task([]() -> coroutine<fragile> {
            co_await sleep(0s);
            co_return fragile();
        });
        co_return co_await ending(shield(named));
    };
    EXPECT_EQ(run(main), "std::runtime_error: no copies");
}

// S90
TEST(shield, reports_an_inner_error_only_when_the_last_handle_is_gone) {
    const auto main = []() -> coroutine<names> {
        const reports heard(asyncio::get_running_loop());
        {
            const auto inner = create_task(fail("later", 2));
            const auto outer = shield(inner);
            co_await rounds(1);
            outer.cancel();
            co_await rounds(4);
            EXPECT_TRUE(inner.done());
            EXPECT_EQ(heard.all, names{});
        }
        EXPECT_EQ(heard.all,
                  names{"Task exception was never retrieved: std::runtime_error: later"});
        {
            const auto inner = create_task(fail("seen", 2));
            const auto outer = shield(inner);
            co_await rounds(1);
            outer.cancel();
            const std::string how = co_await ending(inner);
            EXPECT_EQ(how, "std::runtime_error: seen");
        }
        {
            const auto outer = shield(fail("through", 1));
            co_await rounds(4);
        }
        co_return heard.all;
    };
    EXPECT_EQ(run(main),
              (names{"Task exception was never retrieved: std::runtime_error: later",
                     "Future exception was never retrieved: std::runtime_error: through"}));
}

// S99
TEST(shield, under_a_limit_leaves_the_task_alone) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(give(42, 8));
        const std::string zero = co_await ending(asyncio::wait_for(shield(t), 0s));
        EXPECT_EQ(zero, "asyncio::timeout_error: asyncio: timed out");
        EXPECT_EQ(t.cancelling(), 0u);
        const int value = co_await t;
        EXPECT_EQ(value, 42);
    };
    run(main);
}

TEST(shield, dropped_lets_go_of_the_inner_one) {
    const auto main = []() -> coroutine<> {
        const auto inner = create_task(give(1, 2));
        {
            const auto dropped = shield(inner);
        }
        EXPECT_TRUE(inner.state()->waiters().empty());
        co_await inner;
    };
    run(main);
}

TEST(shield, awaited_by_a_task_that_is_cancelled_before_it_starts_starts_nothing) {
    const auto main = []() -> coroutine<> {
        bool ran = false;
        const auto t = create_task([&]() -> coroutine<> {
            ran = true;
            co_await shield(give(1));
        });
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_FALSE(ran);
    };
    run(main);
}

// Decision A
TEST(shield, that_is_done_is_not_undone_by_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto t = create_task([&]() -> coroutine<> {
            log.push_back(std::to_string(co_await shield(f)));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        t.cancel("late");
        co_await t;
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late"}));
}

TEST(shield, leaves_nothing_behind_when_its_loop_is_closed) {
    close_in_the_middle([]() -> coroutine<> { co_await shield(forever()); });
}

}  // namespace shield_test
