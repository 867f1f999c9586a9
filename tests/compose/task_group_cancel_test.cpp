// task_group.cancel(), and cancels from outside that come at the same time: S122 and beyond.
#include <gtest/gtest.h>

#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/with.hpp"
#include "compose/situations.hpp"

namespace task_group_cancel_test {

using asyncio::cancelled_error;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using asyncio::task_group;
using asyncio::timeout;
using asyncio::with;
using namespace situations;

using names = std::vector<std::string>;

/// How a block in a task of its own ended, and then the next await.
template <class Body>
coroutine<names> block_and_next(Body body) {
    names log;
    log.push_back(co_await ending(with(task_group(), body)));
    log.push_back(co_await ending(sleep(0s)));
    co_return log;
}

TEST(task_group_cancel, from_the_body_ends_the_block_without_an_error) {
    const auto main = []() -> coroutine<> {
        task<int> child;
        const auto body = [&](task_group& g) -> coroutine<> {
            child = g.create_task(forever());
            co_await sleep(0s);
            g.cancel();
            g.cancel();
            EXPECT_EQ(current_task().cancelling(), 1u);
            try {
                co_await sleep(1h);
            } catch (const cancelled_error& e) {
                EXPECT_EQ(e.message(), "the task_group was cancelled");
                EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::explicit_request);
                EXPECT_NE(e.reason().where.line(), 0u);
                throw;
            }
        };
        const names log = co_await block_and_next(body);
        EXPECT_EQ(log, (names{"done", "done"}));
        EXPECT_TRUE(child.cancelled());
        EXPECT_EQ(current_task().cancelling(), 0u);
    };
    run(main);
}

TEST(task_group_cancel, from_a_body_that_then_returns) {
    const auto main = []() -> coroutine<> {
        for (const bool with_child : {true, false}) {
            const auto body = [&](task_group& g) -> coroutine<int> {
                if (with_child) g.create_task(forever());
                g.cancel();
                co_return 5;
            };
            const int value = co_await with(task_group(), body);
            EXPECT_EQ(value, 5);
            const std::string next = co_await ending(sleep(0s));
            EXPECT_EQ(next, "done");
            EXPECT_EQ(current_task().cancelling(), 0u);
        }
    };
    run(main);
}

TEST(task_group_cancel, from_a_child_or_from_outside) {
    const auto main = []() -> coroutine<> {
        const auto stops = [](task_group& g) -> coroutine<> {
            co_await rounds(2);
            g.cancel();
            co_await sleep(1h);
        };
        for (const bool at_end : {true, false}) {
            task<int> sibling;
            const auto body = [&](task_group& g) -> coroutine<> {
                sibling = g.create_task(forever());
                g.create_task(stops, std::ref(g));
                if (!at_end) co_await sleep(1h);
            };
            const names log = co_await block_and_next(body);
            EXPECT_EQ(log, (names{"done", "done"}));
            EXPECT_TRUE(sibling.cancelled());
            task_group outside;
            const auto waits = [&](task_group& g) -> coroutine<> {
                g.create_task(forever());
                if (!at_end) co_await sleep(1h);
            };
            const auto t = create_task([&]() -> coroutine<> { co_await with(outside, waits); });
            co_await rounds(3);
            outside.cancel();
            const std::string how = co_await ending(t);
            EXPECT_EQ(how, "done");
            EXPECT_EQ(t.cancelling(), 0u);
        }
    };
    run(main);
}

TEST(task_group_cancel, gives_the_errors_of_the_clean_up) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task(fails_in_cleanup("cleanup"));
            co_await sleep(0s);
            g.cancel();
        };
        const names log = co_await block_and_next(body);
        EXPECT_EQ(log, (names{"asyncio::exception_group: unhandled errors in a task_group (1 "
                              "sub-exception)\n  - std::runtime_error: cleanup",
                              "done"}));
    };
    run(main);
}

TEST(task_group_cancel, of_a_body_that_should_give_a_value_says_so) {
    const auto main = []() -> coroutine<std::string> {
        const auto body = [](task_group& g) -> coroutine<int> {
            g.cancel();
            co_await sleep(1h);
            co_return 1;
        };
        co_return co_await ending(with(task_group(), body));
    };
    EXPECT_TRUE(run(main).starts_with(
        "asyncio::invalid_state_error: asyncio: with: the body was cancelled by its own context"));
}

TEST(task_group_cancel, in_an_eager_child_reaches_that_child) {
    const auto main = []() -> coroutine<> {
        task<> child;
        const auto stops = [](task_group& g) -> coroutine<> {
            g.cancel();
            co_await sleep(1h);
        };
        const auto body = [&](task_group& g) -> coroutine<> {
            child = g.create_task(asyncio::task_options{.eager_start = true}, stops, std::ref(g));
            co_await sleep(1h);
        };
        const names log = co_await block_and_next(body);
        EXPECT_EQ(log, (names{"done", "done"}));
        EXPECT_TRUE(child.cancelled());
    };
    run(main);
}

/// When the group's own cancel and one from outside meet.
enum class meeting { group_first, outside_first, outside_while_it_ends };

// The cancel from outside is never swallowed, and is thrown with its own reason.
TEST(task_group_cancel, does_not_swallow_a_cancel_from_outside) {
    const auto main = []() -> coroutine<> {
        for (const meeting when :
             {meeting::group_first, meeting::outside_first, meeting::outside_while_it_ends}) {
            for (const int place : {0, 1, 2}) {  // a timer, a future, at the end of the block
                names log;
                task_group group;
                const auto body = [&](task_group& g) -> coroutine<> {
                    g.create_task(worker("child", new_future(), log));
                    if (place == 0) co_await sleep(1h);
                    if (place == 1) co_await new_future();
                };
                const auto t = create_task([&]() -> coroutine<> { co_await with(group, body); });
                co_await rounds(3);
                if (when == meeting::outside_first) t.cancel("outside");
                group.cancel();
                if (when == meeting::outside_while_it_ends) co_await rounds(2);
                if (when != meeting::outside_first) t.cancel("outside");
                const std::string how = co_await ending(t);
                EXPECT_EQ(how, "cancelled: outside") << static_cast<int>(when) << ' ' << place;
                EXPECT_EQ(t.cancelling(), 1u);
                EXPECT_EQ(log, (names{"child cancelled", "child cleaned up"}));
            }
        }
    };
    run(main);
}

TEST(task_group_cancel, does_not_swallow_a_cancel_that_was_pending_when_the_block_began) {
    const auto main = []() -> coroutine<> {
        manual_foreign foreign;
        current_task().cancel("pending");
        const auto body = [&](task_group& g) -> coroutine<> {
            asyncio::get_running_loop().call_soon([&] {
                g.cancel();
                foreign.waiting.resume();
            });
            co_await foreign;
        };
        const names log = co_await block_and_next(body);
        EXPECT_EQ(log, (names{"done", "cancelled: pending"}));
        EXPECT_EQ(current_task().cancelling(), 1u);
    };
    run(main);
}

// S122
TEST(task_group_cancel, an_error_and_a_cancel_from_outside_come_one_after_the_other) {
    const auto main = []() -> coroutine<> {
        const std::string group =
            "asyncio::exception_group: unhandled errors in a task_group (1 sub-exception)\n"
            "  - std::runtime_error: child";
        for (const int place : {0, 1, 2}) {
            for (const bool outside_first : {true, false}) {
                const auto f = new_future();
                const auto child = [f]() -> coroutine<> {
                    co_await f;
                    throw std::runtime_error("child");
                };
                const auto body = [&](task_group& g) -> coroutine<> {
                    g.create_task(child);
                    if (place == 0) co_await sleep(1h);
                    if (place == 1) co_await new_future();
                };
                const auto t = create_task(block_and_next(body));
                co_await rounds(3);
                // The child runs in the next round; this task ran before it or will run after it.
                f.set_result(1);
                if (outside_first) {
                    asyncio::get_running_loop().call_soon([t] { t.cancel("outside"); });
                    co_await sleep(0s);
                } else {
                    co_await sleep(0s);
                    t.cancel("outside");
                }
                const names& log = co_await t;
                EXPECT_EQ(log, (names{group, "cancelled: outside"})) << place << outside_first;
                EXPECT_EQ(t.cancelling(), 1u);
            }
        }
    };
    run(main);
}

TEST(task_group_cancel, under_a_deadline_in_the_same_round) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task(forever());
            asyncio::get_running_loop().call_later(1ms, [&g] { g.cancel(); });
            co_await sleep(1h);
        };
        const auto block = [&](timeout&) -> coroutine<> { co_await with(task_group(), body); };
        timeout limit(1ms);
        const std::string how = co_await ending(with(limit, block));
        EXPECT_EQ(how, "asyncio::timeout_error: asyncio: timed out");
        EXPECT_TRUE(limit.expired());
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
    };
    on_virtual_time(main);
}

TEST(task_group_cancel, of_an_inner_group_leaves_the_outer_one_running) {
    const auto main = []() -> coroutine<> {
        task<int> outer_child;
        const auto inner = [](task_group& g) -> coroutine<> {
            g.create_task(forever());
            g.cancel();
            co_await sleep(1h);
        };
        const auto outer = [&](task_group& g) -> coroutine<> {
            outer_child = g.create_task(give(1, 5));
            co_await with(task_group(), inner);
            co_await sleep(0s);
        };
        const names log = co_await block_and_next(outer);
        EXPECT_EQ(log, (names{"done", "done"}));
        EXPECT_EQ(outer_child.result(), 1);
    };
    run(main);
}

TEST(task_group_cancel, of_an_outer_group_goes_through_the_inner_one) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto inner = [&](task_group& g) -> coroutine<> {
            g.create_task(worker("inner child", new_future(), log));
            co_await sleep(1h);
        };
        task_group outer;
        const auto body = [&](task_group&) -> coroutine<> { co_await with(task_group(), inner); };
        const auto t = create_task([&]() -> coroutine<> { co_await with(outer, body); });
        co_await rounds(3);
        outer.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "done");
        EXPECT_EQ(log, (names{"inner child cancelled", "inner child cleaned up"}));
        EXPECT_EQ(t.cancelling(), 0u);
    };
    run(main);
}

TEST(task_group_cancel, of_two_groups_whose_children_fail_in_one_round_leaves_no_cancel_behind) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& outer) -> coroutine<> {
            const auto inner = [&](task_group& g) -> coroutine<> {
                g.create_task(fail("inner"));
                outer.create_task(fail("outer"));
                co_await rounds(3);
            };
            co_await with(task_group(), inner);
        };
        bool failed = false;
        try {
            co_await with(task_group(), body);
        } catch (const asyncio::exception_group&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_EQ(asyncio::current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(1ms));
        EXPECT_EQ(next, "done");
    };
    run(main);
}

}  // namespace task_group_cancel_test
