#include "asyncio/compose/gather.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace gather_test {

using asyncio::cancelled_error;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::gather;
using asyncio::return_exceptions;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using namespace situations;

using names = std::vector<std::string>;

// S72
TEST(gather, gives_results_in_the_order_of_the_arguments) {
    const auto main = []() -> coroutine<> {
        const auto [a, b, c] = co_await gather(give(1, 3), give(std::string("two"), 2), give(3.0));
        EXPECT_EQ(a, 1);
        EXPECT_EQ(b, "two");
        EXPECT_EQ(c, 3.0);
        std::vector<coroutine<int>> many;
        for (int i = 0; i < 10; ++i) many.push_back(give(i, 10 - i));
        const std::vector<int> all = co_await gather(std::move(many));
        EXPECT_EQ(all, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    };
    run(main);
}

// S72
TEST(gather, takes_whatever_can_be_awaited) {
    const auto main = []() -> coroutine<> {
        future<int> f = new_future();
        const task<int> t = create_task(give(2));
        asyncio::get_running_loop().call_soon([f] { f.set_result(1); });
        const auto [a, b, c, d, e, g, h] =
            co_await gather(f, t, give(3), sleep(0s, 4), gather(give(5), give(6)),
                            inline_foreign(7), threaded_foreign(8));
        EXPECT_EQ(a, 1);
        EXPECT_EQ(b, 2);
        EXPECT_EQ(c, 3);
        EXPECT_EQ(d, 4);
        EXPECT_EQ(e, (std::tuple<int, int>(5, 6)));
        EXPECT_EQ(g, 7);
        EXPECT_EQ(h, 8);
    };
    run(main);
}

TEST(gather, is_itself_taken_wherever_something_to_await_is) {
    const auto both = [] { return gather(give(1), give(2)); };
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task([&]() -> coroutine<int> {
            const auto [a, b] = co_await asyncio::shield(both());
            co_return a + b;
        });
        const int sum = co_await t;
        EXPECT_EQ(sum, 3);
        const auto [a, b] = co_await asyncio::wait_for(both(), 1h);
        EXPECT_EQ(a + b, 3);
    };
    run(main);
}

TEST(gather, gives_monostate_for_nothing_and_references_as_they_are) {
    static int number = 5;
    const auto reference = []() -> coroutine<int&> { co_return number; };
    const auto main = [&]() -> coroutine<> {
        auto [nothing, r] = co_await gather(rounds(1), reference());
        EXPECT_EQ(nothing, std::monostate{});
        EXPECT_EQ(&r, &number);
        std::vector<coroutine<>> voids;
        voids.push_back(rounds(1));
        voids.push_back(rounds(2));
        co_await gather(std::move(voids));
        std::vector<coroutine<int&>> references;
        references.push_back(reference());
        const std::vector<int*> all = co_await gather(std::move(references));
        EXPECT_EQ(all, std::vector<int*>{&number});
        constexpr asyncio::return_exceptions_t kept_apart = return_exceptions;
        const auto [kept] = co_await gather(kept_apart, reference());
        EXPECT_EQ(&kept.value(), &number);
    };
    run(main);
}

// S73
TEST(gather, throws_the_first_error_at_once_and_leaves_the_others_running) {
    const auto main = []() -> coroutine<> {
        names log;
        future<int> f = new_future();
        const auto slow = create_task(worker("slow", f, log));
        const std::string how = co_await ending(gather(slow, fail("x", 1), fail("later", 2)));
        EXPECT_EQ(how, "std::runtime_error: x");
        EXPECT_FALSE(slow.done());
        EXPECT_EQ(slow.cancelling(), 0u);
        f.set_result(1);
        co_await slow;
        EXPECT_EQ(log, names{"slow done"});
    };
    run(main);
}

// S74
TEST(gather, counts_later_errors_as_retrieved) {
    const auto main = []() -> coroutine<names> {
        const reports heard(asyncio::get_running_loop());
        const std::string how = co_await ending(gather(fail("first"), fail("later", 2)));
        EXPECT_EQ(how, "std::runtime_error: first");
        co_await rounds(4);  // the gather is gone when this one fails
        const auto g = gather(fail("first"), fail("later", 2));
        co_await rounds(5);  // here it is not
        EXPECT_EQ(error_of([&] { g.result(); }), "std::runtime_error: first");
        co_return heard.all;
    };
    EXPECT_EQ(run(main), names{});
}

TEST(gather, reports_an_error_that_nobody_retrieves) {
    const auto main = []() -> coroutine<names> {
        const reports heard(asyncio::get_running_loop());
        {
            const auto ended = gather(give(1), fail("unseen"));
            co_await rounds(2);
            EXPECT_TRUE(ended.done());
        }
        {
            const auto dropped = gather(give(1), fail("dropped", 1));
            EXPECT_FALSE(dropped.done());
        }
        co_await rounds(4);
        co_return heard.all;
    };
    EXPECT_EQ(run(main),
              (names{"Future exception was never retrieved: std::runtime_error: unseen",
                     "Task exception was never retrieved: std::runtime_error: dropped"}));
}

// S75
TEST(gather, puts_errors_and_cancels_in_place) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(forever());
        asyncio::get_running_loop().call_soon([t] { t.cancel("away"); });
        const auto [a, b, c] = co_await gather(return_exceptions, give(1), fail("x"), t);
        EXPECT_EQ(a.value(), 1);
        EXPECT_EQ(asyncio::detail::describe(b.exception()), "std::runtime_error: x");
        EXPECT_TRUE(c.cancelled());
        EXPECT_EQ(error_of([&] { (void)c.value(); }).substr(0, 40),
                  "asyncio::cancelled_error: cancelled: awa");
        std::vector<coroutine<int>> many;
        many.push_back(fail("y"));
        many.push_back(give(2));
        const auto all = co_await gather(return_exceptions, std::move(many));
        EXPECT_FALSE(all[0].has_value());
        EXPECT_EQ(all[1].value(), 2);
        const auto nothing = co_await gather(return_exceptions, rounds(1));
        EXPECT_TRUE(std::get<0>(nothing).has_value());
    };
    run(main);
}

// S76
TEST(gather, fails_with_a_cancel_of_its_child_but_is_not_cancelled) {
    const auto main = []() -> coroutine<> {
        const auto t = create_task(forever());
        const auto g = gather(t, give(1));
        co_await sleep(0s);
        t.cancel("child");
        const std::string how = co_await ending(g);
        EXPECT_EQ(how, "cancelled: child");
        EXPECT_TRUE(g.done());
        EXPECT_FALSE(g.cancelled());
        EXPECT_EQ(asyncio::current_task().cancelling(), 0u);
    };
    run(main);
}

// S77
TEST(gather, cancelled_cancels_every_child_and_waits_for_them) {
    const auto main = []() -> coroutine<> {
        names log;
        const future<int> f = new_future();
        const auto parent = create_task(
            [&]() -> coroutine<> { co_await gather(worker("a", f, log), worker("b", f, log)); });
        co_await rounds(2);
        parent.cancel("all of you");
        const std::string how = co_await ending(parent);
        EXPECT_EQ(how, "cancelled: all of you");
        EXPECT_EQ(log, (names{"a cancelled", "b cancelled", "a cleaned up", "b cleaned up"}));
    };
    run(main);
}

// S77: a plain future ends at once, a task takes its time.
TEST(gather, cancelled_waits_also_if_one_child_is_a_plain_future) {
    const auto main = []() -> coroutine<> {
        names log;
        const future<int> plain = new_future();
        const auto g = gather(plain, worker("task", new_future(), log), new_future());
        co_await rounds(2);
        EXPECT_TRUE(g.cancel("why"));
        EXPECT_TRUE(plain.cancelled());
        EXPECT_FALSE(g.done()) << "the task has not cleaned up yet";
        const std::string how = co_await ending(g);
        EXPECT_EQ(how, "cancelled: why");
        EXPECT_EQ(log, (names{"task cancelled", "task cleaned up"}));
        EXPECT_FALSE(g.cancelled());
    };
    run(main);
}

// S77
TEST(gather, cancelled_throws_even_with_return_exceptions_or_children_that_refuse) {
    const auto main = []() -> coroutine<> {
        const auto kept = gather(return_exceptions, forever(), forever());
        const auto a = create_task(stubborn(3));
        const auto refusing = gather(a, stubborn(4));
        co_await rounds(2);
        kept.cancel("one");
        refusing.cancel("two");
        const std::string one = co_await ending(kept);
        EXPECT_EQ(one, "cancelled: one");
        const std::string two = co_await ending(refusing);
        EXPECT_EQ(two, "cancelled: two");
        EXPECT_EQ(a.result(), 3);
    };
    run(main);
}

TEST(gather, cancelled_gives_the_reason_of_the_request) {
    const auto main = []() -> coroutine<> {
        const auto g = gather(stubborn(1));
        co_await rounds(2);
        g.cancel("because");
        try {
            co_await g;
            ADD_FAILURE();
        } catch (const cancelled_error& e) {
            EXPECT_EQ(e.reason().kind, asyncio::cancel_kind::explicit_request);
            EXPECT_NE(e.reason().where.line(), 0u);
        }
    };
    run(main);
}

// S77, with an error in a clean-up
TEST(gather, cancelled_throws_an_error_of_a_clean_up_at_once) {
    const auto main = []() -> coroutine<std::string> {
        const auto g = gather(fails_in_cleanup("cleanup"), forever());
        co_await rounds(2);
        g.cancel();
        co_return co_await ending(g);
    };
    EXPECT_EQ(run(main), "std::runtime_error: cleanup");
}

// S78
TEST(gather, cannot_be_cancelled_once_all_children_are_done) {
    const auto main = []() -> coroutine<> {
        const auto g = gather(give(1), give(2));
        co_await rounds(2);
        EXPECT_FALSE(g.cancel());
        const auto failed = gather(fail("x"));
        co_await rounds(2);
        EXPECT_FALSE(failed.cancel()) << "and its error counts as retrieved";
        const auto [a, b] = co_await g;
        EXPECT_EQ(a + b, 3);
    };
    run(main);
}

// S79
TEST(gather, runs_a_duplicate_once_and_repeats_its_result) {
    const auto main = []() -> coroutine<> {
        int runs = 0;
        const auto t = create_task([&]() -> coroutine<int> { co_return ++runs; });
        const auto all = co_await gather(t, give(5), t);
        EXPECT_EQ(all, (std::tuple<int, int, int>(1, 5, 1)));
        EXPECT_EQ(runs, 1);
    };
    run(main);
}

// Each child tells it, wherever it stands among those who wait for the child.
TEST(gather, is_told_by_children_that_others_wait_for_too) {
    const auto main = []() -> coroutine<> {
        const task<int> a = create_task(give(1, 3));
        const task<int> b = create_task(give(2, 2));
        std::string log;
        a.add_done_callback([&](const future<int>&) { log += "before "; });
        const auto first = gather(a, b);
        const auto second = gather(b, a, b);
        a.add_done_callback([&](const future<int>&) { log += "behind "; });
        {
            const auto dropped = gather(a, b);
            const auto cancelled = gather(b, new_future());
        }
        EXPECT_EQ(co_await second, (std::tuple<int, int, int>(2, 1, 2)));
        EXPECT_EQ(co_await first, (std::tuple<int, int>(1, 2)));
        co_await sleep(0s);
        EXPECT_EQ(log, "before behind ");
        const task<int> c = create_task(give(3, 1));
        {
            const auto dropped = gather(c);
        }
        EXPECT_EQ(co_await gather(c), (std::tuple<int>(3))) << "the one that was first has left";
    };
    run(main);
}

// A gather that is dropped hears no more of its children, whatever their values do when they die.
TEST(gather, is_deaf_once_it_is_dropped) {
    struct setter {
        explicit setter(future<int> f) : target(std::move(f)) {}
        setter(setter&&) = default;
        setter& operator=(setter&&) = delete;
        ~setter() {
            if (target.valid()) target.set_result(1);
        }
        future<int> target;
    };
    const auto main = []() -> coroutine<> {
        const auto made = [](future<int> f) -> coroutine<setter> {
            co_return setter(std::move(f));
        };
        future<int> last = new_future();
        last.add_done_callback([](const future<int>&) {});
        {
            const auto dropped = gather(create_task(made(last)), last, last);
            co_await sleep(0s);
            co_await sleep(0s);
            EXPECT_FALSE(last.done());
        }
        EXPECT_EQ(co_await last, 1);
    };
    run(main);
}

// S80
TEST(gather, of_nothing_is_done) {
    const auto main = []() -> coroutine<> {
        EXPECT_TRUE(gather().done());
        EXPECT_TRUE(gather(return_exceptions).done());
        const auto g = gather(std::vector<task<int>>{});
        EXPECT_TRUE(g.done());
        const std::vector<int>& none = co_await g;
        EXPECT_TRUE(none.empty());
        EXPECT_TRUE(gather(std::vector<task<>>{}).done());
    };
    run(main);
    EXPECT_EQ(error_of([] { (void)gather(); }),
              "std::runtime_error: asyncio: gather: no event loop runs in this thread; call it "
              "inside a coroutine that was started with asyncio::run(...)");
}

// S80
TEST(gather, refuses_futures_of_two_loops_and_empty_handles) {
    auto one = asyncio::new_event_loop();
    auto two = asyncio::new_event_loop();
    const future<int> a = one->create_future<int>();
    const future<int> b = two->create_future<int>();
    EXPECT_EQ(error_of([&] { (void)gather(a, b); }),
              "std::invalid_argument: asyncio: gather: these futures belong to different event "
              "loops; await each on its own loop");
    EXPECT_EQ(error_of([&] { (void)gather(future<int>()); }),
              "asyncio::invalid_state_error: asyncio: this future or task handle is empty: it was "
              "default-constructed or moved from");
    EXPECT_FALSE(gather(a).done()) << "one loop need not run";
}

TEST(gather, of_what_is_done_is_done_at_once) {
    const auto main = []() -> coroutine<> {
        const future<int> f = new_future();
        f.set_result(1);
        const future<int> failed = new_future();
        failed.set_exception(std::runtime_error("x"));
        const auto g = gather(f, f);
        EXPECT_TRUE(g.done());
        const auto bad = gather(f, failed, new_future());
        EXPECT_EQ(error_of([&] { (void)bad.result(); }), "std::runtime_error: x");
        co_return;
    };
    run(main);
}

TEST(gather, awaited_by_a_task_that_is_cancelled_before_it_starts_runs_nothing) {
    const auto main = []() -> coroutine<> {
        bool ran = false;
        const auto t = create_task([&]() -> coroutine<> {
            ran = true;
            co_await gather(give(1));
        });
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_FALSE(ran);
    };
    run(main);
}

// Decision A
TEST(gather, that_is_done_is_not_undone_by_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto t = create_task([&]() -> coroutine<> {
            const auto [value] = co_await gather(f);
            log.push_back("value " + std::to_string(value));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        t.cancel("late");
        co_await t;
    };
    run(main);
    EXPECT_EQ(log, (names{"value 4", "cancelled: late"}));
}

// S49
TEST(gather, throws_two_cancels_of_one_round_once) {
    const auto main = []() -> coroutine<names> {
        names log;
        const auto t = create_task([&]() -> coroutine<> {
            log.push_back(co_await ending(gather(new_future(), new_future())));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        t.cancel();
        t.cancel();
        co_await t;
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"cancelled", "done"}));
}

TEST(gather, reports_a_result_that_throws_while_it_is_moved) {
    struct fragile {
        fragile() = default;
        fragile(fragile&& o) : moves(o.moves + 1) {
            if (moves > 2) throw std::runtime_error("moved too often");
        }
        fragile& operator=(fragile&&) = delete;
        int moves = 0;
    };
    const auto make = []() -> coroutine<fragile> { co_return fragile(); };
    const auto main = [&]() -> coroutine<std::string> {
        co_return co_await ending(gather(make()));
    };
    EXPECT_EQ(run(main), "std::runtime_error: moved too often");
}

TEST(gather, of_a_hundred_thousand_tasks) {
    const auto main = []() -> coroutine<long> {
        std::vector<coroutine<int>> many;
        for (int i = 0; i < 100'000; ++i) many.push_back(give(i, i % 3));
        long sum = 0;
        const std::vector<int> all = co_await gather(std::move(many));
        for (const int value : all) sum += value;
        co_return sum;
    };
    EXPECT_EQ(run(main), 4'999'950'000);
}

TEST(gather, leaves_nothing_behind_when_its_loop_is_closed) {
    close_in_the_middle(
        []() -> coroutine<> { co_await gather(forever(), new_future(), forever()); });
}

coroutine<> nested(int levels) {
    if (levels > 0)
        co_await gather(nested(levels - 1), sleep(0s));
    else
        co_await forever();
}

TEST(gather, may_be_nested_without_an_end_and_cancelled) {
    const auto main = []() -> coroutine<> {
        constexpr int levels = 20'000;
        const auto t = create_task(nested(levels));
        co_await rounds(levels + 2);
        t.cancel("out");
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled: out");
    };
    // A small stack finds out sooner.
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, std::size_t(1024) * 1024);
    pthread_t thread{};
    const auto body = [](void* m) -> void* {
        run(*static_cast<const decltype(main)*>(m));
        return nullptr;
    };
    auto copy = main;
    ASSERT_EQ(pthread_create(&thread, &small, body, &copy), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&small);
}

}  // namespace gather_test
