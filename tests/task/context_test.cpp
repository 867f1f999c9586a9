#include "asyncio/task/context.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/asyncio.hpp"

namespace context_test {

using asyncio::context;
using asyncio::context_var;
using asyncio::copy_context;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::task;
using namespace std::chrono_literals;

const context_var<int> number("number", 0);
const context_var<std::string> text("text");

template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (...) {
        return asyncio::detail::describe(std::current_exception());
    }
    return "no error";
}

/// Each test in a context of its own.
class context_variables : public testing::Test {
   protected:
    void in_new_context(void (*body)()) const { own_.run(body); }

   private:
    context own_;
};

// ---- variables ----

TEST_F(context_variables, a_variable_has_a_default_or_a_fallback_or_nothing) {
    in_new_context([] {
        EXPECT_EQ(number.get(), 0);
        EXPECT_EQ(number.get(5), 5);
        EXPECT_EQ(text.get("fallback"), "fallback");
        EXPECT_EQ(error_of([] { (void)text.get(); }),
                  "std::out_of_range: asyncio: context variable 'text' has no value here");
        EXPECT_STREQ(text.name(), "text");
        number.set(1);
        EXPECT_EQ(number.get(), 1);
        EXPECT_EQ(number.get(5), 1);
    });
}

TEST_F(context_variables, a_token_restores_the_value_of_before) {
    in_new_context([] {
        auto none = text.set("one");
        auto one = text.set("two");
        EXPECT_EQ(text.get(), "two");
        text.reset(one);
        EXPECT_EQ(text.get(), "one");
        text.reset(std::move(none));
        EXPECT_EQ(text.get("nothing"), "nothing");
        text.reset(text.set("three"));
        EXPECT_EQ(text.get("nothing"), "nothing");
    });
}

TEST_F(context_variables, a_token_works_once) {
    in_new_context([] {
        auto token = number.set(1);
        auto moved = std::move(token);
        EXPECT_EQ(error_of([&] { number.reset(token); }),
                  "std::invalid_argument: asyncio: this context_var token was used already");
        number.reset(moved);
        EXPECT_EQ(error_of([&] { number.reset(moved); }),
                  "std::invalid_argument: asyncio: this context_var token was used already");
        EXPECT_EQ(number.get(), 0);
    });
}

TEST_F(context_variables, a_token_belongs_to_its_variable) {
    in_new_context([] {
        static const context_var<int> other("other", 0);
        auto token = other.set(1);
        EXPECT_EQ(error_of([&] { number.reset(token); }),
                  "std::invalid_argument: asyncio: this context_var token was made by another "
                  "variable");
        other.reset(token);
        EXPECT_EQ(other.get(), 0);
    });
}

TEST_F(context_variables, a_variable_holds_what_cannot_be_copied) {
    in_new_context([] {
        static const context_var<std::unique_ptr<int>> owner("owner");
        owner.set(std::make_unique<int>(7));
        const context snapshot = copy_context();
        owner.set(nullptr);
        EXPECT_EQ(owner.get(), nullptr);
        snapshot.run([] { EXPECT_EQ(*owner.get(), 7); });
    });
}

TEST_F(context_variables, values_live_as_long_as_a_context_holds_them) {
    static const context_var<std::shared_ptr<int>> shared("shared");
    std::weak_ptr<int> value;
    {
        const context own;
        const context snapshot = own.run([&value] {
            auto first = std::make_shared<int>(1);
            value = first;
            shared.set(std::move(first));
            context copy = copy_context();
            shared.set(nullptr);
            return copy;
        });
        EXPECT_FALSE(value.expired());
    }
    EXPECT_TRUE(value.expired());
}

// ---- contexts ----

TEST_F(context_variables, a_copy_sees_what_was_and_keeps_its_changes) {
    in_new_context([] {
        number.set(1);
        const context copy = copy_context();
        number.set(2);
        EXPECT_EQ(copy.run([] { return number.get(); }), 1);
        copy.run([] { number.set(3); });
        EXPECT_EQ(number.get(), 2);
        EXPECT_EQ(copy.run([] { return number.get(); }), 3);
    });
}

TEST_F(context_variables, a_new_one_is_empty) {
    in_new_context([] {
        number.set(1);
        const context empty;
        EXPECT_EQ(empty.run([] { return number.get(); }), 0);
    });
}

TEST_F(context_variables, run_passes_arguments_results_and_errors_through) {
    const context c;
    std::string word = "a";
    const auto append = [](std::string& s, int n) -> std::string& {
        s += std::to_string(n);
        return s;
    };
    EXPECT_EQ(&c.run(append, word, 1), &word);
    EXPECT_EQ(word, "a1");
    EXPECT_EQ(c.run([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(2)), 2);
    EXPECT_THROW(c.run([] { throw std::runtime_error("x"); }), std::runtime_error);
    EXPECT_EQ(number.get(), 0) << "the outer context is back";
}

TEST_F(context_variables, run_nests_other_contexts_but_not_itself) {
    const context outer;
    outer.run([&outer] {
        number.set(1);
        const context inner = copy_context();
        inner.run([] { number.set(2); });
        EXPECT_EQ(number.get(), 1);
        EXPECT_EQ(error_of([&outer] { outer.run([] {}); }),
                  "std::runtime_error: asyncio: context::run: this context is the current one "
                  "already");
    });
    EXPECT_EQ(outer.run([] { return number.get(); }), 1);
    EXPECT_TRUE(outer.cell());
}

// ---- tasks, S62 ----

coroutine<> set_number(int value) {
    number.set(value);
    co_await asyncio::sleep(0s);
    EXPECT_EQ(number.get(), value);
}

coroutine<> tasks_have_copies() {
    number.set(1);
    task<> t = asyncio::create_task(set_number(2));
    number.set(3);
    task<int> seen = asyncio::create_task([]() -> coroutine<int> { co_return number.get(); });
    number.set(4);
    co_await t;
    EXPECT_EQ(number.get(), 4);
    EXPECT_EQ(co_await seen, 3) << "as it was when the task was created";
}

TEST_F(context_variables, a_task_has_a_copy_of_its_creators_context) {
    asyncio::run(tasks_have_copies());
    EXPECT_EQ(number.get(), 0);
}

coroutine<> awaited_coroutines_share() {
    co_await set_number(5);
    EXPECT_EQ(number.get(), 5);
}

TEST_F(context_variables, an_awaited_coroutine_shares_its_callers) {
    asyncio::run(awaited_coroutines_share());
}

coroutine<> add_ten() {
    number.set(number.get() + 10);
    co_await asyncio::sleep(0s);
    number.set(number.get() + 10);
}

coroutine<> tasks_share_a_given_context() {
    number.set(1);
    const context shared = copy_context();
    const asyncio::task_options in_it{.context = &shared};
    task<> a = asyncio::create_task(add_ten(), in_it);
    task<> b = asyncio::create_task(add_ten(), in_it);
    co_await a;
    co_await b;
    EXPECT_EQ(number.get(), 1);
    EXPECT_EQ(shared.run([] { return number.get(); }), 41);
}

TEST_F(context_variables, a_task_runs_in_a_given_context_as_it_is) {
    asyncio::run(tasks_share_a_given_context());
}

coroutine<> tasks_of_many_kinds(std::vector<int>& seen) {
    // Every task keeps its value over many rounds.
    std::vector<task<>> tasks;
    for (int i = 0; i < 50; ++i) {
        const auto keep = [](std::vector<int>& log, int value) -> coroutine<> {
            number.set(value);
            for (int turn = 0; turn < value % 7; ++turn) co_await asyncio::sleep(0s);
            log.push_back(number.get() - value);
        };
        tasks.push_back(asyncio::create_task(keep, std::ref(seen), i));
    }
    for (task<>& t : tasks) co_await t;
}

TEST_F(context_variables, many_tasks_do_not_see_each_other) {
    std::vector<int> seen;
    asyncio::run(tasks_of_many_kinds(seen));
    EXPECT_EQ(seen, std::vector<int>(50, 0));
}

// ---- eager tasks, S69 ----

coroutine<> eager_steps_do_not_leak() {
    number.set(1);
    task<> t = asyncio::create_task(set_number(2), {.eager_start = true});
    EXPECT_EQ(number.get(), 1);
    co_await t;
    EXPECT_EQ(number.get(), 1);
}

TEST_F(context_variables, an_eager_step_does_not_leak_into_the_creators) {
    asyncio::run(eager_steps_do_not_leak());
}

// ---- runners, S129 ----

coroutine<int> count_up() {
    number.set(number.get() + 1);
    co_return number.get();
}

TEST_F(context_variables, a_runner_has_one_for_all_its_runs) {
    asyncio::runner r;
    EXPECT_EQ(r.run(count_up()), 1);
    EXPECT_EQ(r.run(count_up()), 2);
    EXPECT_EQ(r.run(count_up), 3);
    EXPECT_EQ(number.get(), 0);
}

// ---- callbacks and threads, S150 ----

coroutine<> callbacks_have_copies() {
    event_loop& loop = asyncio::get_running_loop();
    std::vector<int> seen;
    const auto note = [&seen] {
        seen.push_back(number.get());
        number.set(99);
    };
    asyncio::future<> f = loop.create_future();
    number.set(1);
    loop.call_soon(note);
    number.set(2);
    loop.call_soon(note);
    number.set(3);
    loop.call_later(0s, note);
    number.set(4);
    f.add_done_callback([&note](const asyncio::future<>&) { note(); });
    number.set(5);
    loop.call_soon_threadsafe(note);
    number.set(6);
    f.set_result();
    for (int i = 0; i < 4; ++i) co_await asyncio::sleep(0s);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, (std::vector{1, 2, 3, 4, 5}));
    EXPECT_EQ(number.get(), 6);
}

TEST_F(context_variables, a_callback_has_a_copy_from_when_it_was_handed_over) {
    asyncio::run(callbacks_have_copies());
}

coroutine<> threads_have_copies() {
    number.set(1);
    const auto job = [] {
        const int seen = number.get();
        number.set(99);
        return seen;
    };
    EXPECT_EQ(co_await asyncio::to_thread(job), 1);
    EXPECT_EQ(number.get(), 1);
}

TEST_F(context_variables, a_thread_job_has_a_copy_from_when_it_was_handed_over) {
    asyncio::run(threads_have_copies());
}

TEST_F(context_variables, another_thread_may_drop_a_value_last) {
    static const context_var<std::shared_ptr<std::string>> shared("shared between threads");
    std::weak_ptr<std::string> value;
    std::thread thread;
    {
        const context own;
        own.run([&] {
            auto first =
                std::make_shared<std::string>("a text that is long enough to be allocated");
            value = first;
            shared.set(std::move(first));
            thread = std::thread([held = asyncio::detail::context_ref::copy_current()]() mutable {
                const asyncio::detail::context_scope scope(held);
                EXPECT_EQ(shared.get()->size(), 42u);
                shared.set(nullptr);
            });
        });
    }
    thread.join();
    EXPECT_TRUE(value.expired());
}

coroutine<> exception_handlers_see_the_callers_context() {
    event_loop& loop = asyncio::get_running_loop();
    int seen = 0;
    loop.set_exception_handler(
        [&seen](event_loop&, const asyncio::exception_context&) { seen = number.get(); });
    number.set(7);
    loop.call_soon([] { throw std::runtime_error("x"); });
    number.set(8);
    co_await asyncio::sleep(0s);
    EXPECT_EQ(seen, 7);
    loop.set_exception_handler(nullptr);
}

/// S21.
TEST_F(context_variables, an_exception_handler_has_the_one_of_what_failed) {
    asyncio::run(exception_handlers_see_the_callers_context());
}

}  // namespace context_test
