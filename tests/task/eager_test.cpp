// Tasks that run to their first suspension inside create_task.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "support/manual_backend.hpp"

namespace eager_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

class eager : public ::testing::Test {
   protected:
    template <class A>
    auto run(A&& a) {
        return loop_->run_until_complete(std::forward<A>(a));
    }
    manual_loop loop_;
    reports told_{*loop_};
};

constexpr task_options at_once{.eager_start = true};

coroutine<int> number(int n) { co_return n; }
coroutine<int> blocks(std::string& log) {
    log += "a";
    co_await sleep(0s);
    log += "b";
    co_return 1;
}

// S67: it runs to its first suspension inside create_task, and may be done on return.
TEST_F(eager, may_be_done_on_return) {
    const auto main = []() -> coroutine<int> {
        const auto t = create_task(number(3), at_once);
        EXPECT_TRUE(t.done());
        const int first = co_await t;
        const auto f = create_task(at_once, number, 4);
        EXPECT_TRUE(f.done());
        co_return first + f.result();
    };
    EXPECT_EQ(run(main()), 7);
}

TEST_F(eager, stops_at_its_first_suspension) {
    std::string log;
    const auto main = [](std::string& l) -> coroutine<int> {
        const auto t = create_task(blocks(l), at_once);
        EXPECT_EQ(l, "a");
        EXPECT_FALSE(t.done());
        co_return co_await t;
    };
    EXPECT_EQ(run(main(log)), 1);
    EXPECT_EQ(log, "ab");
}

// S67: only while the loop runs.
TEST_F(eager, outside_of_the_running_loop_it_starts_later) {
    std::string log;
    const auto t = loop_->create_task(blocks(log), at_once);
    EXPECT_EQ(log, "");
    EXPECT_EQ(run(t), 1);
}

// S68: current_task() is the eager task during that step; all_tasks() has it meanwhile.
TEST_F(eager, is_the_current_task_meanwhile) {
    const auto main = []() -> coroutine<> {
        const task<> self = current_task();
        const auto looks = [](task<> creator) -> coroutine<> {
            EXPECT_EQ(current_task().get_name(), "eager");
            EXPECT_FALSE(current_task() == creator);
            EXPECT_EQ(all_tasks().size(), 2u);
            co_return;
        };
        const auto t = create_task({.name = "eager", .eager_start = true}, looks, self);
        EXPECT_TRUE(t.done());
        EXPECT_TRUE(current_task() == self);
        EXPECT_EQ(all_tasks().size(), 1u);
        co_await t;
    };
    run(main());
}

TEST_F(eager, nests) {
    const auto main = []() -> coroutine<std::string> {
        std::string log;
        const auto inner = [](std::string& l) -> coroutine<> {
            l += "2";
            co_await sleep(0s);
            l += "5";
        };
        const auto outer = [](std::string& l, auto f) -> coroutine<> {
            l += "1";
            const auto t = create_task(at_once, f, std::ref(l));
            l += "3";
            co_await t;
            l += "6";
        };
        const auto t = create_task(at_once, outer, std::ref(log), inner);
        log += "4";
        co_await t;
        co_return log;
    };
    EXPECT_EQ(run(main()), "123456");
}

coroutine<int> starts_the_next(int left) {
    if (left == 0) co_return 0;
    const auto next = create_task(at_once, starts_the_next, left - 1);
    co_return 1 + co_await next;
}

TEST_F(eager, starts_later_where_starts_would_fill_the_stack) {
    const auto main = []() -> coroutine<> {
        const auto deep = create_task(at_once, starts_the_next, 100'000);
        EXPECT_FALSE(deep.done());
        const int levels = co_await deep;
        EXPECT_EQ(levels, 100'000);
        const auto shallow = create_task(at_once, number, 7);
        EXPECT_TRUE(shallow.done()) << "the deep starts are over";
    };
    run(main());
}

// S69: its changes of the context do not leak to the creator.
TEST_F(eager, has_a_context_of_its_own) {
    static context_var<int> variable("variable", 0);
    const auto main = []() -> coroutine<> {
        (void)variable.set(1);
        const auto sets = []() -> coroutine<int> {
            EXPECT_EQ(variable.get(), 1);
            (void)variable.set(2);
            co_await sleep(0s);
            co_return variable.get();
        };
        const auto t = create_task(at_once, sets);
        EXPECT_EQ(variable.get(), 1);
        EXPECT_EQ(co_await t, 2);
        EXPECT_EQ(variable.get(), 1);
    };
    run(main());
}

TEST_F(eager, may_share_the_context_of_its_creator) {
    static context_var<int> variable("variable", 0);
    const auto main = []() -> coroutine<> {
        context shared;
        const auto inner = []() -> coroutine<> {
            EXPECT_EQ(variable.get(), 1);
            (void)variable.set(2);
            co_await sleep(0s);
            EXPECT_EQ(variable.get(), 2);
        };
        const auto outer = [](context c, auto f) -> coroutine<> {
            (void)variable.set(1);
            const auto t = create_task({.eager_start = true, .context = &c}, f);
            EXPECT_EQ(variable.get(), 2);
            co_await t;
        };
        co_await create_task({.context = &shared}, outer, shared, inner);
        EXPECT_EQ(shared.run([] { return variable.get(); }), 2);
        EXPECT_EQ(variable.get(), 0);
    };
    run(main());
}

TEST_F(eager, may_enter_a_context_again_below_another_one) {
    static context_var<int> variable("variable", 0);
    const auto main = []() -> coroutine<> {
        context shared;
        const auto innermost = []() -> coroutine<> {
            EXPECT_EQ(variable.get(), 1);
            (void)variable.set(3);
            co_return;
        };
        const auto own = [](context c, auto f) -> coroutine<> {
            (void)variable.set(2);
            co_await create_task({.eager_start = true, .context = &c}, f);
            EXPECT_EQ(variable.get(), 2);
        };
        const auto outer = [](context c, auto g, auto f) -> coroutine<> {
            (void)variable.set(1);
            co_await create_task(at_once, g, c, f);
            EXPECT_EQ(variable.get(), 3);
        };
        co_await create_task({.context = &shared}, outer, shared, own, innermost);
        EXPECT_EQ(variable.get(), 0);
    };
    run(main());
}

// S70: a cancel after an eager end has no effect; after an eager block it works as usual.
TEST_F(eager, cancel) {
    std::string log;
    const auto main = [](std::string& l) -> coroutine<> {
        const auto done = create_task(number(1), at_once);
        EXPECT_FALSE(done.cancel());
        EXPECT_EQ(co_await done, 1);
        const auto blocked = create_task(blocks(l), at_once);
        EXPECT_TRUE(blocked.cancel());
        bool cancelled = false;
        try {
            (void)co_await blocked;
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
    };
    run(main(log));
    EXPECT_EQ(log, "a");
}

TEST_F(eager, failing_at_once_is_its_own_error) {
    const auto main = []() -> coroutine<> {
        const auto fails = []() -> coroutine<> {
            throw std::runtime_error("at once");
            co_return;
        };
        const auto t = create_task(at_once, fails);
        EXPECT_TRUE(t.done());
        EXPECT_EQ(detail::describe(t.exception()), "std::runtime_error: at once");
        (void)create_task(at_once, fails);  // nobody looks
        co_await sleep(0s);
    };
    run(main());
    EXPECT_TRUE(told_.contains("Task exception was never retrieved"));
}

TEST_F(eager, a_fatal_exception_leaves_through_create_task) {
    const auto main = []() -> coroutine<int> {
        const auto exits = []() -> coroutine<> {
            throw system_exit(5);
            co_return;
        };
        int code = 0;
        try {
            (void)create_task(at_once, exits);
        } catch (const system_exit& e) {
            code = e.code();
        }
        co_return code;
    };
    EXPECT_EQ(run(main()), 5);
}

TEST_F(eager, cancels_its_creator_and_itself) {
    const auto main = []() -> coroutine<int> {
        const auto cancels = [](task<> creator) -> coroutine<> {
            creator.cancel();
            current_task().cancel();
            co_return;
        };
        const auto t = create_task(at_once, cancels, current_task());
        EXPECT_TRUE(t.cancelled());
        int caught = 0;
        try {
            co_await sleep(0s);
        } catch (const cancelled_error&) {
            ++caught;
        }
        co_return caught;
    };
    EXPECT_EQ(run(main()), 1);
}

TEST_F(eager, in_debug_mode) {
    loop_->set_debug(true);
    const auto main = []() -> coroutine<int> {
        const auto t = create_task(number(3), at_once);
        co_return co_await t;
    };
    EXPECT_EQ(run(main()), 3);
}

}  // namespace eager_test
