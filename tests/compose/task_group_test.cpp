#include "asyncio/compose/task_group.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/testing/everywhere.hpp"
#include "compose/situations.hpp"

namespace task_group_test {

using asyncio::cancelled_error;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::exception_group;
using asyncio::future;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using asyncio::task_group;
using asyncio::with;
using namespace situations;

using names = std::vector<std::string>;

/// Runs a block and gives how it ended: "done", "cancelled: ...", or the group's errors in
/// brackets.
template <class Body>
coroutine<std::string> block(Body body) {
    std::string text = "done";
    try {
        co_await with(task_group(), body);
    } catch (const exception_group& g) {
        text = "[";
        for (const std::exception_ptr& e : g.exceptions())
            text += (text.size() > 1 ? ", " : "") + asyncio::detail::describe(e);
        text += "]";
    } catch (const cancelled_error& e) {
        text = "cancelled: " + std::string(e.message());
    } catch (...) {
        text = asyncio::detail::describe(std::current_exception());
    }
    co_return text;
}

std::string error(const std::string& what) { return "std::runtime_error: " + what; }

TEST(task_group, ends_when_all_its_tasks_have_ended) {
    const auto main = []() -> coroutine<> {
        task<int> first;
        task<> second;
        const auto body = [&](task_group& g) -> coroutine<int> {
            first = g.create_task(give(1, 3), {.name = "first"});
            second = g.create_task(rounds, 5);
            g.create_task(asyncio::task_options{.name = "third"}, give<int>, 3, 1);
            g.create_task([] { return give<int>(4, 1); }, {.name = "fourth"});
            g.create_task(sleep(1ms));
            g.create_task(sleep(0s), {.eager_start = true});
            g.create_task(threaded_foreign(4));
            EXPECT_EQ(first.get_name(), "first");
            co_return 5;
        };
        const int value = co_await with(task_group(), body);
        EXPECT_EQ(value, 5);
        EXPECT_EQ(first.result(), 1);
        EXPECT_TRUE(second.done());
        const auto nothing = [](task_group&) -> coroutine<> { co_return; };
        const std::string empty = co_await block(nothing);
        EXPECT_EQ(empty, "done");
    };
    run(main);
}

// S111
TEST(task_group, an_error_cancels_the_siblings_and_the_body_and_all_errors_come_together) {
    const auto main = []() -> coroutine<> {
        std::string in_body;
        task<int> sibling;
        const auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(fail("first", 1));
            sibling = g.create_task(forever());
            g.create_task(fails_in_cleanup("second"));
            try {
                co_await sleep(1h);
            } catch (const cancelled_error& e) {
                EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::sibling_failed);
                EXPECT_FALSE(e.reason().who.empty());
                in_body = e.message();
                throw;
            }
        };
        const std::string how = co_await block(body);
        EXPECT_EQ(how, "[" + error("first") + ", " + error("second") + "]");
        EXPECT_TRUE(in_body.starts_with("task 'Task-") && in_body.ends_with("of the group failed"))
            << in_body;
        EXPECT_TRUE(sibling.cancelled());
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
    };
    run(main);
}

TEST(task_group, says_in_its_error_what_every_child_threw) {
    const auto main = []() -> coroutine<std::string> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task(fail("a"));
            g.create_task(fail("b"));
            co_return;
        };
        co_return co_await ending(with(task_group(), body));
    };
    EXPECT_EQ(run(main),
              "asyncio::exception_group: unhandled errors in a task_group (2 sub-exceptions)\n"
              "  - std::runtime_error: a\n  - std::runtime_error: b");
}

// Everybody who awaits the child that fails gets its error, but it happened once.
TEST(task_group, counts_an_error_once) {
    const auto main = []() -> coroutine<std::string> {
        const auto body = [](task_group& g) -> coroutine<> {
            const auto child = g.create_task(fail("once"));
            for (int i = 0; i < 2; ++i) g.create_task([child]() -> coroutine<> { co_await child; });
            co_await child;
        };
        co_return co_await ending(with(task_group(), body));
    };
    EXPECT_EQ(run(main),
              "asyncio::exception_group: unhandled errors in a task_group (1 sub-exception)\n"
              "  - std::runtime_error: once");
}

// S111: also when the block is at its end already, or the body does not care.
TEST(task_group, an_error_while_it_waits_at_its_end_or_in_a_body_that_swallows_the_cancel) {
    const auto main = []() -> coroutine<> {
        const auto at_end = [](task_group& g) -> coroutine<> {
            g.create_task(fail("late", 3));
            g.create_task(forever());
            co_return;
        };
        const std::string late = co_await block(at_end);
        EXPECT_EQ(late, "[" + error("late") + "]");
        const auto swallows = [](task_group& g) -> coroutine<> {
            g.create_task(fail("swallowed", 1));
            co_await stubborn(1);
        };
        const std::string swallowed = co_await block(swallows);
        EXPECT_EQ(swallowed, "[" + error("swallowed") + "]");
        EXPECT_EQ(current_task().cancelling(), 0u);
        const std::string next = co_await ending(sleep(0s));
        EXPECT_EQ(next, "done");
    };
    run(main);
}

// S112
TEST(task_group, cancelled_from_outside_cancels_its_children_waits_and_goes_on) {
    const auto main = []() -> coroutine<> {
        for (const bool in_body : {true, false}) {
            names log;
            const auto body = [&](task_group& g) -> coroutine<> {
                g.create_task(worker("child", new_future(), log));
                if (in_body) co_await sleep(1h);
            };
            const auto t = create_task([&]() -> coroutine<> { co_await with(task_group(), body); });
            co_await rounds(3);
            t.cancel("outside");
            const std::string how = co_await ending(t);
            EXPECT_EQ(how, "cancelled: outside");
            EXPECT_EQ(log, (names{"child cancelled", "child cleaned up"}));
            EXPECT_TRUE(t.cancelled());
            EXPECT_EQ(t.cancelling(), 1u);
        }
    };
    run(main);
}

// S112: a second cancel while the children clean up.
TEST(task_group, cancelled_twice_still_waits_for_its_children) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(worker("child", new_future(), log));
            co_await sleep(1h);
        };
        const auto t = create_task([&]() -> coroutine<> { co_await with(task_group(), body); });
        co_await rounds(3);
        t.cancel("first");
        co_await rounds(2);
        t.cancel("second");
        const std::string how = co_await ending(t);
        EXPECT_TRUE(how.starts_with("cancelled: ")) << how;
        EXPECT_EQ(log, (names{"child cancelled", "child cleaned up"}));
    };
    run(main);
}

// S113
TEST(task_group, an_error_in_the_clean_up_wins_over_a_cancel) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task(fails_in_cleanup("cleanup"));
            co_await sleep(1h);
        };
        const auto t = create_task([&]() -> coroutine<names> {
            names log;
            log.push_back(co_await block(body));
            log.push_back(co_await ending(sleep(0s)));
            log.push_back(std::to_string(current_task().cancelling()));
            co_return log;
        });
        co_await rounds(3);
        t.cancel("outside");
        const names& log = co_await t;
        EXPECT_EQ(log, (names{"[" + error("cleanup") + "]", "cancelled: outside", "1"}));
    };
    run(main);
}

// S114
TEST(task_group, an_error_of_the_body_cancels_the_children_and_is_in_the_group) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto alone = [](task_group&) -> coroutine<> { co_await fail("alone"); };
        log.push_back(co_await block(alone));
        const auto with_child = [](task_group& g) -> coroutine<> {
            g.create_task(forever());
            co_await fail("body", 2);
        };
        log.push_back(co_await block(with_child));
        const auto both = [](task_group& g) -> coroutine<> {
            g.create_task(fails_in_cleanup("child"));
            co_await fail("body", 2);
        };
        log.push_back(co_await block(both));
        EXPECT_EQ(log, (names{"[" + error("alone") + "]", "[" + error("body") + "]",
                              "[" + error("child") + ", " + error("body") + "]"}));
        EXPECT_EQ(current_task().cancelling(), 0u);
    };
    run(main);
}

// S115
TEST(task_group, a_child_that_ends_cancelled_is_no_error) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            const auto t = g.create_task(forever());
            const auto never_ran = g.create_task(forever());
            never_ran.cancel();
            co_await sleep(0s);
            t.cancel();
        };
        const std::string how = co_await block(body);
        EXPECT_EQ(how, "done");
    };
    run(main);
}

// S116
TEST(task_group, nested_groups_nest_their_errors) {
    const auto main = []() -> coroutine<std::string> {
        const auto inner = [](task_group& g) -> coroutine<> {
            g.create_task(fail("inner"));
            co_return;
        };
        const auto outer = [&](task_group&) -> coroutine<> { co_await with(task_group(), inner); };
        co_return co_await ending(with(task_group(), outer));
    };
    EXPECT_EQ(run(main),
              "asyncio::exception_group: unhandled errors in a task_group (1 sub-exception)\n"
              "  - asyncio::exception_group: unhandled errors in a task_group (1 sub-exception)\n"
              "    - std::runtime_error: inner");
}

// S117
TEST(task_group, what_ends_the_program_escapes_bare) {
    const auto main = []() -> coroutine<> {
        task<int> child;
        const auto body = [&](task_group& g) -> coroutine<> {
            child = g.create_task(forever());
            co_await sleep(0s);
            throw asyncio::system_exit(3);
        };
        int code = 0;
        try {
            co_await with(task_group(), body);
        } catch (const asyncio::system_exit& e) {
            code = e.code();
        }
        EXPECT_EQ(code, 3);
        EXPECT_TRUE(child.cancelled());
        const auto other = [](task_group&) -> coroutine<> {
            throw 5;
            co_return;
        };
        const std::string grouped = co_await block(other);
        EXPECT_EQ(grouped, "[int: 5]");
    };
    run(main);
}

// S117
TEST(task_group, what_ends_the_program_in_a_child_leaves_the_loop) {
    auto loop = asyncio::new_event_loop();
    const reports heard(*loop);
    std::string how;
    loop->create_task([&]() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task([]() -> coroutine<> {
                throw asyncio::system_exit(4);
                co_return;
            });
            co_await sleep(1h);
        };
        how = co_await block(body);
    });
    EXPECT_EQ(error_of([&] { loop->run_ready(); }), "asyncio::system_exit");
    loop->run_ready();
    EXPECT_EQ(how, "asyncio::system_exit");
}

// S118
TEST(task_group, children_may_create_tasks_while_it_exits) {
    const auto main = []() -> coroutine<names> {
        names log;
        const auto grandchild = [&]() -> coroutine<> {
            co_await rounds(2);
            log.push_back("grandchild");
        };
        const auto child = [&](task_group& g) -> coroutine<> {
            co_await rounds(3);
            g.create_task(grandchild);
            log.push_back("child");
        };
        const auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child, std::ref(g));
            log.push_back("body");
            co_return;
        };
        log.push_back(co_await block(body));
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"body", "child", "grandchild", "done"}));
}

// S118
TEST(task_group, refuses_tasks_before_after_and_while_it_is_being_cancelled) {
    const auto main = []() -> coroutine<> {
        const reports heard(asyncio::get_running_loop());
        task_group g;
        EXPECT_EQ(error_of([&] { g.create_task(give(1)); }),
                  "std::runtime_error: asyncio: the task_group was not entered: use it with "
                  "co_await asyncio::with(task_group(), body)");
        EXPECT_EQ(error_of([&] { g.cancel(); }),
                  "std::runtime_error: asyncio: the task_group was not entered: use it with "
                  "co_await asyncio::with(task_group(), body)");
        std::string aborting;
        const auto body = [&](task_group& group) -> coroutine<> {
            group.create_task(fail("x"));
            try {
                co_await sleep(1h);
            } catch (const cancelled_error&) {
                aborting = error_of([&] { group.create_task(rounds, 1); });
                throw;
            }
        };
        const std::string how = co_await ending(with(g, body));
        EXPECT_TRUE(how.starts_with("asyncio::exception_group"));
        EXPECT_EQ(aborting,
                  "std::runtime_error: asyncio: the task_group is shutting down, because a task "
                  "failed or it was cancelled");
        EXPECT_EQ(error_of([&] { g.create_task(asyncio::task_options{}, give<int>, 1, 0); }),
                  "std::runtime_error: asyncio: the task_group is finished; its block is over");
        g.cancel();  // of a group that is over: nothing
        EXPECT_EQ(heard.all, names{}) << "what is refused is closed without a report";
    };
    run(main);
}

// S119
TEST(task_group, forgets_children_that_have_ended) {
    const auto main = []() -> coroutine<> {
        const auto alive = std::make_shared<int>(0);
        const auto child = [](std::shared_ptr<int>) -> coroutine<> { co_await sleep(0s); };
        const auto body = [&](task_group& g) -> coroutine<> {
            for (int i = 0; i < 100; ++i) g.create_task(child, alive);
            co_await rounds(4);
            EXPECT_EQ(alive.use_count(), 1);
        };
        co_await with(task_group(), body);
    };
    run(main);
}

// S120
TEST(task_group, leaves_the_count_of_cancels_as_it_was) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task([]() -> coroutine<names> {
            names log;
            log.push_back(co_await ending(sleep(1h)));
            const auto body = [](task_group& g) -> coroutine<> {
                g.create_task(fail("child"));
                co_await sleep(1h);
            };
            log.push_back(co_await block(body));
            log.push_back(std::to_string(current_task().cancelling()));
            log.push_back(co_await ending(sleep(0s)));
            co_return log;
        });
        co_await rounds(2);
        t.cancel("before");
        const names& log = co_await t;
        EXPECT_EQ(log, (names{"cancelled: before", "[" + error("child") + "]", "1", "done"}));
    };
    run(main);
}

// S121
TEST(task_group, inner_and_outer_fail_together) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto inner = [](task_group& g) -> coroutine<> {
            g.create_task(fail("inner", 1));
            co_await sleep(1h);
        };
        const auto outer = [&](task_group& g) -> coroutine<> {
            g.create_task(fail("outer", 1));
            log.push_back(co_await block(inner));
            log.push_back(std::to_string(current_task().cancelling()));
            co_await sleep(1h);
        };
        log.push_back(co_await block(outer));
        log.push_back(std::to_string(current_task().cancelling()));
        log.push_back(co_await ending(sleep(0s)));
        EXPECT_EQ(
            log, (names{"[" + error("inner") + "]", "1", "[" + error("outer") + "]", "0", "done"}));
    };
    run(main);
}

// S123
TEST(task_group, is_used_once_and_in_a_task) {
    const auto main = []() -> coroutine<> {
        task_group g;
        const auto body = [](task_group&) -> coroutine<> { co_return; };
        co_await with(g, body);
        const std::string again = co_await ending(with(g, body));
        EXPECT_EQ(again,
                  "std::runtime_error: asyncio: a task_group is used once; make a new one for each "
                  "block");
        std::string in_callback;
        asyncio::get_running_loop().call_soon(
            [&] { in_callback = error_of([] { task_group().enter(); }); });
        co_await sleep(0s);
        EXPECT_EQ(in_callback,
                  "std::runtime_error: asyncio: task_group must be used inside a task, not in a "
                  "plain callback");
        const task_group elsewhere = std::move(g);
        EXPECT_EQ(error_of([&] { g.cancel(); }),
                  "asyncio::invalid_state_error: asyncio: this task_group was moved from; use the "
                  "one that it became");
    };
    run(main);
    EXPECT_EQ(error_of([] { task_group().enter(); }),
              "std::runtime_error: asyncio: task_group: no event loop runs in this thread; call it "
              "inside a coroutine that was started with asyncio::run(...)");
}

// S71
TEST(task_group, an_eager_child_that_fails_does_not_cancel_the_body_inside_create_task) {
    const auto main = []() -> coroutine<> {
        names log;
        const asyncio::task_options eager{.eager_start = true};
        const auto waits = [&](task_group& g) -> coroutine<> {
            const auto t = g.create_task(fail("eager"), eager);
            EXPECT_TRUE(t.done());
            EXPECT_EQ(current_task().cancelling(), 0u);
            log.push_back(co_await ending(sleep(1h)));
        };
        log.push_back(co_await block(waits));
        const auto ends_at_once = [&](task_group& g) -> coroutine<> {
            g.create_task(fail("eager and last"), eager);
            g.create_task(give(1), eager);
            co_return;
        };
        log.push_back(co_await block(ends_at_once));
        EXPECT_TRUE(log[0].starts_with("cancelled: task 'Task-")) << log[0];
        EXPECT_EQ(log[1], "[" + error("eager") + "]");
        EXPECT_EQ(log[2], "[" + error("eager and last") + "]");
        EXPECT_EQ(current_task().cancelling(), 0u);
        co_await sleep(0s);
    };
    run(main);
}

TEST(task_group, leaves_nothing_behind_when_its_loop_is_closed) {
    const auto alive = std::make_shared<int>(0);
    const auto child = [](std::shared_ptr<int>) -> coroutine<> { co_await sleep(1h); };
    for (const bool in_body : {true, false}) {
        task_group kept;
        close_in_the_middle([&]() -> coroutine<> {
            const auto body = [&](task_group& g) -> coroutine<> {
                g.create_task(child, alive);
                g.create_task(child, alive);
                if (in_body) co_await sleep(1h);
            };
            co_await with(kept, body);
        });
        EXPECT_EQ(alive.use_count(), 1);
    }
    close_in_the_middle([&]() -> coroutine<> {
        const auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child, alive);
            co_return;
        };
        co_await with(task_group(), body);
    });
    EXPECT_EQ(alive.use_count(), 1);
}

TEST(task_group, says_in_a_stack_for_how_many_it_waits) {
    const auto main = []() -> coroutine<> {
        const auto body = [](task_group& g) -> coroutine<> {
            g.create_task(forever());
            g.create_task(forever());
            co_return;
        };
        const auto t = create_task([&]() -> coroutine<> { co_await with(task_group(), body); });
        co_await rounds(3);
        auto& state = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_EQ(state.waiting_on->describe(), "the 2 tasks of its task_group");
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
    };
    run(main);
}

int children_alive = 0;

coroutine<> child_with_a_life() {
    struct life {
        life() { ++children_alive; }
        ~life() { --children_alive; }
    };
    const life l;
    co_await sleep(1s);
}

coroutine<> block_of_children() {
    const auto body = [](task_group& g) -> coroutine<> {
        g.create_task(child_with_a_life);
        g.create_task(child_with_a_life);
        co_await sleep(10ms);
        throw std::runtime_error("enough");
    };
    std::exception_ptr error;
    try {
        co_await with(task_group(), body);
    } catch (...) {
        error = std::current_exception();
    }
    asyncio::testing::expect(children_alive == 0, "a child outlived its block");
    if (!asyncio::detail::as_cancelled(error)) co_return;
    std::rethrow_exception(error);
}

TEST(task_group, waits_for_its_children_also_without_memory) {
    const auto report = asyncio::testing::fail_every_allocation(block_of_children);
    EXPECT_GT(report.runs, 10u);
    EXPECT_GT(asyncio::testing::cancel_everywhere(block_of_children).runs, 5u);
}

coroutine<> block_with_a_failure() {
    auto& loop = asyncio::get_running_loop();
    const auto begun = loop.time();
    const auto fails = []() -> coroutine<> {
        co_await sleep(1s);
        throw std::runtime_error("planned");
    };
    const auto body = [&fails](task_group& g) -> coroutine<> {
        g.create_task(std::ref(fails));
        co_await sleep(1h);
    };
    try {
        co_await with(task_group(), body);
        asyncio::testing::expect(false, "the failure of a child was lost");
    } catch (const exception_group&) {
    } catch (const std::bad_alloc&) {
    }
    asyncio::testing::expect(loop.time() - begun < 1min, "the body was not told");
}

TEST(task_group, tells_of_a_failure_also_without_memory) {
    EXPECT_GT(asyncio::testing::fail_every_allocation(block_with_a_failure).runs, 10u);
}

}  // namespace task_group_test
