// Tasks: how they start, what they are, what they report. Beside it: cancel, eager, stack.
#include "asyncio/task/task.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/context.hpp"
#include "asyncio/testing/everywhere.hpp"
#include "support/errors.hpp"
#include "support/manual_backend.hpp"

namespace task_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::error_of;
using support::manual_loop;
using support::reports;

class task_test : public ::testing::Test {
   protected:
    template <class A>
    auto run(A&& a) {
        return loop_->run_until_complete(std::forward<A>(a));
    }
    manual_loop loop_;
    reports told_{*loop_};
};
using creation = task_test;
using ownership = task_test;
using state = task_test;
using reporting = task_test;

coroutine<int> number(int n) { co_return n; }
coroutine<> log_it(std::vector<int>& log, int n) {
    log.push_back(n);
    co_return;
}
coroutine<> fails(std::string what) {
    co_await sleep(0s);
    throw std::runtime_error(what);
}

// S42: create_task runs nothing synchronously; tasks start in the order of their creation.
TEST_F(creation, starts_in_order_in_the_next_round) {
    std::vector<int> log;
    const auto main = [](std::vector<int>& l) -> coroutine<> {
        std::vector<task<>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(create_task(log_it(l, i)));
        EXPECT_TRUE(l.empty());
        co_await sleep(0s);
        EXPECT_EQ(l, (std::vector{0, 1, 2}));
        EXPECT_TRUE(tasks[0].done());
    };
    run(main(log));
}

TEST_F(creation, of_everything_that_can_be_awaited) {
    const auto main = []() -> coroutine<int> {
        const auto f = get_running_loop().create_future<int>();
        f.set_result(3);
        const task<int> a = create_task(number(1));
        const task<> b = create_task(sleep(0s));
        const task<int> c = create_task(sleep(0s, 2));
        const task<int> d = create_task(future<int>(f));
        const task<int> e = create_task(f);
        const task<std::string> g = create_task(sleep(0s, std::string("x")), task_options{});
        co_await b;
        co_return co_await a + co_await c + co_await d + co_await e;
    };
    EXPECT_EQ(run(main()), 9);
}

coroutine<std::string> name_of(task_options options) { co_return options.name; }

// Options come first because the arguments are last; where there are none, they may come last.
TEST_F(creation, of_a_callable_with_options_behind_it) {
    const auto main = []() -> coroutine<std::string> {
        const auto own_name = []() -> coroutine<std::string> {
            co_return current_task().get_name();
        };
        const auto a = create_task(own_name, {.name = "a"});
        const task_options options{.name = "b"};
        const auto b = get_running_loop().create_task(own_name, options);
        const auto c = create_task(name_of, task_options{.name = "its argument"});
        co_return co_await a + co_await b + ", " + co_await c;
    };
    EXPECT_EQ(run(main()), "ab, its argument");
}

struct object {
    coroutine<int> add(int n) {
        co_await sleep(0s);
        co_return total += n;
    }
    int total = 10;
};

// The safe form: the task owns the callable and its arguments.
TEST_F(creation, of_a_callable_with_arguments) {
    const auto main = []() -> coroutine<int> {
        std::string text = "abc";
        int outside = 0;
        const auto length = [](std::string s) -> coroutine<std::size_t> {
            co_await sleep(0s);
            co_return s.size();
        };
        const auto by_reference = [](const std::string& s) -> coroutine<std::size_t> {
            co_await sleep(0s);
            co_return s.size();
        };
        const auto changes = [](int& n) -> coroutine<> {
            co_await sleep(0s);
            n = 7;
        };
        const auto takes = [](std::unique_ptr<int> p) -> coroutine<int> {
            co_await sleep(0s);
            co_return *p;
        };
        object o;
        const auto a = create_task(length, text);
        const auto b = create_task(by_reference, std::string("temporary"));
        const auto c = create_task(changes, std::ref(outside));
        const auto d = create_task(takes, std::make_unique<int>(4));
        const auto e = create_task(&object::add, &o, 5);
        const auto f = create_task(&object::add, std::ref(o), 1);
        const auto g = create_task(&object::add, std::make_shared<object>(), 1);
        const auto h = create_task(number, 100);
        text = "longer than before";
        EXPECT_EQ(co_await a, 3u);
        EXPECT_EQ(co_await b, 9u);
        co_await c;
        EXPECT_EQ(outside, 7);
        EXPECT_EQ(co_await d, 4);
        EXPECT_EQ(co_await e, 15);
        EXPECT_EQ(co_await f, 16);
        EXPECT_EQ(co_await g, 11);
        co_return co_await h;
    };
    EXPECT_EQ(run(main()), 100);
}

TEST_F(creation, a_lambda_with_captures_lives_as_long_as_its_task) {
    const auto main = []() -> coroutine<std::string> {
        task<std::string> t;
        {
            const auto owned = std::make_shared<std::string>("kept");
            t = create_task([owned]() -> coroutine<std::string> {
                co_await sleep(0s);
                co_return *owned;
            });
        }
        co_return co_await t;
    };
    EXPECT_EQ(run(main()), "kept");
}

TEST_F(creation, with_options) {
    static context_var<int> variable("variable");
    const auto reads = []() -> coroutine<int> { co_return variable.get(-1); };
    const auto main = [](auto f) -> coroutine<int> {
        context c;
        c.run([] { (void)variable.set(5); });
        const auto a = create_task(f(), {.name = "reader", .context = &c});
        EXPECT_EQ(a.get_name(), "reader");
        const auto b = create_task({.name = "named"}, f);
        EXPECT_EQ(b.get_name(), "named");
        const auto d = create_task({.name = "n"}, number, 3);
        const auto e = create_task(f(), {});
        const auto g = asyncio::get_running_loop().create_task(f(), {});
        co_return co_await a * 100 + co_await b + co_await d + co_await e + co_await g;
    };
    EXPECT_EQ(run(main(reads)), 500);
}

TEST_F(creation, by_run_until_complete_and_ensure_future_is_their_callers) {
    const auto waits = []() -> coroutine<> { co_await sleep(std::nullopt); };
    const auto loop = new_event_loop();
    const auto place = [](const future<>& f) {
        const std::string file = f.state()->created.file_name();
        return file.substr(file.rfind('/') + 1);
    };
    loop->call_soon([&] {
        EXPECT_EQ(place(ensure_future(waits())), "task_test.cpp");
        for (const task<>& t : all_tasks()) EXPECT_EQ(place(t), "task_test.cpp");
        loop->stop();
    });
    EXPECT_THROW(loop->run_until_complete(waits()), std::runtime_error);
    loop->set_exception_handler([](event_loop&, const exception_context&) {});
}

TEST_F(creation, null_is_refused) {
    coroutine<int> (*none)() = nullptr;
    EXPECT_EQ(error_of([&] { (void)loop_->create_task(none); }),
              "std::invalid_argument: asyncio: the callback is null: pass a function that can be "
              "called");
    EXPECT_THROW((void)loop_->create_task(std::function<coroutine<int>()>()),
                 std::invalid_argument);
}

// S63: create_task that fails closes the coroutine silently; the arguments are destroyed.
TEST_F(creation, that_fails_is_silent) {
    auto owned = std::make_shared<int>(1);
    const auto holds = [](std::shared_ptr<int> p) -> coroutine<int> { co_return *p; };
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(
        error_of([&] { (void)create_task(holds(owned)); }),
        "std::runtime_error: asyncio: create_task: no event loop runs in this thread; call it "
        "inside a coroutine that was started with asyncio::run(...)");
    EXPECT_THROW((void)create_task(holds, owned), std::runtime_error);
    EXPECT_THROW((void)create_task({.name = "x"}, holds, owned), std::runtime_error);
    EXPECT_THROW((void)ensure_future(holds(owned)), std::runtime_error);
    loop_->close();
    EXPECT_THROW((void)loop_->create_task(holds(owned)), std::runtime_error);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(owned.use_count(), 1);
}

struct copy_fails {
    copy_fails() = default;
    copy_fails(const copy_fails&) { throw std::runtime_error("cannot copy"); }
};

TEST_F(creation, an_argument_that_cannot_be_copied_fails_at_the_call) {
    const copy_fails c;
    const auto f = [](const copy_fails&) -> coroutine<> { co_return; };
    EXPECT_EQ(error_of([&] { (void)loop_->create_task(f, c); }), "std::runtime_error: cannot copy");
    EXPECT_TRUE(all_tasks(loop_.loop.get()).empty());
}

// The loop holds tasks until they are done: a dropped handle loses nothing.
TEST_F(ownership, a_dropped_handle_does_not_lose_the_task) {
    std::vector<int> log;
    (void)loop_->create_task(log_it(log, 1));
    loop_->run_ready();
    EXPECT_EQ(log, std::vector{1});
}

TEST_F(ownership, the_frame_dies_with_the_end_and_the_result_with_the_handle) {
    auto owned = std::make_shared<int>(1);
    const auto holds = [](std::shared_ptr<int> p) -> coroutine<std::shared_ptr<int>> {
        co_return p;
    };
    {
        const auto t = loop_->create_task(holds, owned);
        loop_->run_ready();
        EXPECT_EQ(owned.use_count(), 2);
        EXPECT_EQ(t.result(), owned);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(ownership, handles_of_another_type) {
    const task<int> t = loop_->create_task(number(1));
    const task<> erased = t;
    const future<int> as_future = t;
    const future<> as_nothing = t;
    EXPECT_TRUE(as_nothing == erased);
    run(erased);
    EXPECT_EQ(as_future.result(), 1);
    EXPECT_EQ(run(as_future), 1);
    const task<> empty;
    EXPECT_THROW((void)empty.get_name(), invalid_state_error);
    EXPECT_THROW((void)empty.cancelling(), invalid_state_error);
    EXPECT_THROW((void)empty.get_stack(), invalid_state_error);
}

// S59: a task's result is its coroutine's.
TEST_F(state, cannot_be_set) {
    const task<int> t = loop_->create_task(number(1));
    const future<int> f = t;
    const char* expected =
        "asyncio::invalid_state_error: asyncio: a task's result is set by its coroutine, not by "
        "set_result or set_exception";
    EXPECT_EQ(error_of([&] { f.set_result(2); }), expected);
    EXPECT_EQ(error_of([&] { f.set_exception(std::runtime_error("x")); }), expected);
    EXPECT_EQ(run(t), 1);
    EXPECT_EQ(error_of([&] { f.set_result(2); }), expected);
}

TEST_F(state, names) {
    const auto a = loop_->create_task(number(1));
    const auto b = loop_->create_task(number(1), task_options{.name = "given"});
    const auto c = loop_->create_task(number(1));
    EXPECT_EQ(a.get_name(), "Task-1");
    EXPECT_EQ(b.get_name(), "given");
    EXPECT_EQ(c.get_name(), "Task-3");
    c.set_name("later");
    EXPECT_EQ(c.get_name(), "later");
    loop_->run_ready();
    EXPECT_EQ(c.get_name(), "later");
}

TEST_F(state, is_a_future) {
    const auto t = loop_->create_task(number(4));
    EXPECT_FALSE(t.done() || t.cancelled());
    EXPECT_THROW((void)t.result(), invalid_state_error);
    int seen = 0;
    t.add_done_callback([&](const future<int>& f) { seen = f.result(); });
    loop_->run_ready();
    EXPECT_EQ(t.result(), 4);
    EXPECT_EQ(t.exception(), nullptr);
    EXPECT_EQ(seen, 4);
    EXPECT_EQ(&t.get_loop(), loop_.loop.get());
}

TEST_F(state, many_may_await_one) {
    const auto main = []() -> coroutine<int> {
        const auto slow = create_task(sleep(1s, 5));
        const auto waits = [](task<int> t) -> coroutine<int> { co_return co_await t; };
        const auto a = create_task(waits, slow);
        const auto b = create_task(waits, slow);
        co_return co_await a + co_await b + co_await slow;
    };
    EXPECT_EQ(run(main()), 15);
}

// S39: a task that awaits itself.
TEST_F(state, cannot_await_itself) {
    task<> self;
    const auto waits = [](task<>& t) -> coroutine<> { co_await t; };
    self = loop_->create_task(waits, std::ref(self));
    EXPECT_EQ(error_of([&] { run(self); }),
              "std::runtime_error: asyncio: a task cannot await itself");
}

// S60: current_task() is right while tasks interleave, and empty inside plain callbacks.
TEST_F(state, current_task) {
    EXPECT_EQ(error_of([] { (void)current_task(); }),
              "std::runtime_error: asyncio: current_task: no event loop runs in this thread; call "
              "it inside a coroutine that was started with asyncio::run(...)");
    bool empty_in_callback = false;
    loop_->call_soon([&] { empty_in_callback = !current_task().valid(); });
    const auto checks = [](std::string name) -> coroutine<> {
        const auto child = [](std::string expected) -> coroutine<> {
            EXPECT_EQ(current_task().get_name(), expected);
            co_await sleep(0s);
            EXPECT_EQ(current_task().get_name(), expected);
        };
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(current_task().get_name(), name);
            co_await sleep(0s);
            co_await child(name);
        }
    };
    const auto a = loop_->create_task({.name = "a"}, checks, "a");
    const auto b = loop_->create_task({.name = "b"}, checks, "b");
    bool empty_in_done_callback = false;
    a.add_done_callback([&](const future<>&) { empty_in_done_callback = !current_task().valid(); });
    loop_->run_ready();
    a.result();
    b.result();
    EXPECT_TRUE(empty_in_callback && empty_in_done_callback);
}

// S61: all_tasks lists the unfinished ones, oldest first.
TEST_F(state, all_tasks) {
    EXPECT_THROW((void)all_tasks(), std::runtime_error);
    const auto a = loop_->create_task(sleep(1h), task_options{.name = "a"});
    const auto b = loop_->create_task(number(1));
    const auto c = loop_->create_task(sleep(1h), task_options{.name = "c"});
    EXPECT_EQ(all_tasks(loop_.loop.get()).size(), 3u);
    loop_->run_ready();
    const auto left = all_tasks(loop_.loop.get());
    ASSERT_EQ(left.size(), 2u);
    EXPECT_EQ(left[0].get_name(), "a");
    EXPECT_EQ(left[1].get_name(), "c");
    std::size_t inside = 0;
    loop_->call_soon([&] { inside = all_tasks().size(); });
    loop_->run_ready();
    EXPECT_EQ(inside, 2u);
    for (const task<>& t : left) t.cancel();
    loop_->run_ready();
    EXPECT_TRUE(all_tasks(loop_.loop.get()).empty());
    (void)b;
}

// S62: a task has a copy of its creator's context; an awaited coroutine shares it; a given context
// is used as it is.
TEST_F(state, contexts) {
    static context_var<int> variable("variable", 0);
    const auto sets = [](int n) -> coroutine<> {
        (void)variable.set(n);
        co_return;
    };
    const auto main = [](auto f) -> coroutine<> {
        (void)variable.set(1);
        const auto child = create_task(f, 2);
        (void)variable.set(3);
        co_await child;
        EXPECT_EQ(variable.get(), 3);
        co_await f(4);
        EXPECT_EQ(variable.get(), 4);
        context shared = copy_context();
        co_await create_task(f(5), {.context = &shared});
        EXPECT_EQ(variable.get(), 4);
        EXPECT_EQ(shared.run([] { return variable.get(); }), 5);
        co_await create_task(f(6), {.context = &shared});
        EXPECT_EQ(shared.run([] { return variable.get(); }), 6);
    };
    run(main(sets));
    EXPECT_EQ(variable.get(), 0);
}

TEST_F(state, ensure_future_keeps_futures_and_starts_the_rest) {
    const auto main = []() -> coroutine<int> {
        const auto f = get_running_loop().create_future<int>();
        EXPECT_TRUE(ensure_future(f) == f);
        const auto t = create_task(number(1));
        const future<int> same = ensure_future(t);
        EXPECT_TRUE(same == t);
        f.set_result(2);
        const future<int> started = ensure_future(number(3));
        co_return co_await f + co_await same + co_await started;
    };
    EXPECT_EQ(run(main()), 6);
}

// S35: an error that nobody looked at is reported with the task, its creation and its awaits.
TEST_F(reporting, an_error_that_nobody_looked_at) {
    const auto outer = []() -> coroutine<> { co_await fails("lost"); };
    const auto main = [](auto f) -> coroutine<> {
        (void)create_task(f(), {.name = "loser"});
        co_await sleep(0s);
        co_await sleep(0s);
        co_await sleep(0s);
    };
    run(main(outer));
    ASSERT_EQ(told_.all.size(), 1u);
    EXPECT_EQ(told_.all[0].message, "Task exception was never retrieved");
    EXPECT_EQ(told_.all[0].task_name, "loser");
    EXPECT_TRUE(told_.contains("std::runtime_error: lost"));
    EXPECT_TRUE(told_.contains("created at "));
    EXPECT_TRUE(told_.contains("await chain (innermost last"));
    EXPECT_TRUE(told_.contains("fails"));
}

TEST_F(reporting, an_error_that_somebody_looked_at_is_not_reported) {
    const auto t = loop_->create_task(fails("seen"));
    EXPECT_EQ(error_of([&] { run(t); }), "std::runtime_error: seen");
    const auto main = []() -> coroutine<> {
        try {
            co_await create_task(fails("seen"));
        } catch (const std::runtime_error&) {
        }
    };
    run(main());
    EXPECT_TRUE(told_.all.empty());
}

// S58: a fatal exception is stored on the task and leaves the loop.
TEST_F(reporting, a_fatal_exception_leaves_the_loop) {
    const auto exits = []() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            throw system_exit(3);
        }
    };
    const auto t = loop_->create_task(exits());
    loop_->run_ready();
    t.cancel();
    EXPECT_THROW(loop_->run_ready(), system_exit);
    EXPECT_TRUE(t.done() && !t.cancelled());
    EXPECT_THROW(t.result(), system_exit);
    EXPECT_TRUE(told_.all.empty());
}

TEST_F(reporting, a_frame_parameter_that_throws_when_it_dies) {
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the compiler does not free a frame that dies so";
    struct bomb {
        bomb() = default;
        bomb(bomb&& o) noexcept : armed(std::exchange(o.armed, false)) {}
        ~bomb() noexcept(false) {
            if (armed) throw std::runtime_error("boom");
        }
        bool armed = true;
    };
    const auto holds = [](bomb) -> coroutine<int> {
        co_await sleep(0s);
        co_return 1;
    };
    const auto local = []() -> coroutine<int> {
        const bomb b;
        co_await sleep(0s);
        co_return 1;
    };
    const auto a = loop_->create_task(holds(bomb()));
    const auto b = loop_->create_task(local());
    loop_->run_ready();
    EXPECT_EQ(error_of([&] { (void)a.result(); }), "std::runtime_error: boom");
    EXPECT_EQ(error_of([&] { (void)b.result(); }), "std::runtime_error: boom");
}

TEST_F(reporting, a_result_that_cannot_be_moved_is_the_tasks_error) {
    struct refuses {
        refuses() = default;
        refuses(refuses&& o) : armed(o.armed) {
            if (armed) throw std::runtime_error("cannot move");
        }
        bool armed = false;
    };
    const auto gives = []() -> coroutine<refuses> {
        refuses r;
        r.armed = true;
        co_return std::move(r);
    };
    const auto t = loop_->create_task(gives());
    loop_->run_ready();
    EXPECT_EQ(error_of([&] { (void)t.result(); }), "std::runtime_error: cannot move");
}

coroutine<> make_a_named_task() {
    bool ran = false;
    const auto runs = [](bool& r) -> coroutine<> {
        r = true;
        co_return;
    };
    bool refused = false;
    try {
        const task<> t = create_task(runs(ran), {.name = std::string(100, 'n')});
        co_await t;
    } catch (const std::bad_alloc&) {
        refused = true;
    }
    asyncio::testing::expect(ran != refused, "a task ran that was not made");
    asyncio::testing::expect(all_tasks().size() == 1, "a task was left behind");
}

TEST(creation_without_memory, leaves_nothing_behind) {
    EXPECT_GT(asyncio::testing::fail_every_allocation(make_a_named_task).runs, 4u);
}

}  // namespace task_test
