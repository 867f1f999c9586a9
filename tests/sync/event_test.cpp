#include "asyncio/sync/event.hpp"

#include <thread>

#include "room.hpp"

namespace event_test {

using namespace room;
using asyncio::event;

coroutine<> wait(event& e, std::string name, words& log) {
    co_await e.wait();
    log.push_back(std::move(name));
}

TEST(event, does_not_suspend_once_it_is_set) {  // S37
    run([]() -> coroutine<> {
        event e;
        EXPECT_FALSE(e.is_set());
        e.set();
        EXPECT_TRUE(e.is_set());
        const auto suspended = co_await rounds_of(e.wait());
        EXPECT_EQ(suspended, 0u);
        e.clear();
        EXPECT_FALSE(e.is_set());
    });
}

TEST(event, wakes_everybody_in_the_next_round_in_their_order) {
    run([]() -> coroutine<> {
        event e;
        words log;
        const auto a = create_task(wait(e, "a", log));
        const auto b = create_task(wait(e, "b", log));
        co_await settle();
        EXPECT_EQ(log, words{});
        const auto newcomer = create_task(wait(e, "newcomer", log));
        e.set();
        e.set();
        EXPECT_EQ(log, words{});
        co_await rounds();
        EXPECT_EQ(log, (words{"newcomer", "a", "b"})) << "what was ready before runs before";
    });
}

TEST(event, wakes_those_who_waited_also_if_it_is_cleared_at_once) {  // S136
    run([]() -> coroutine<> {
        event e;
        words log;
        const auto a = create_task(wait(e, "a", log));
        const auto b = create_task(wait(e, "b", log));
        co_await settle();
        e.set();
        e.clear();
        const auto late = create_task(wait(e, "late", log));
        co_await settle();
        EXPECT_EQ(log, (words{"a", "b"}));
        EXPECT_FALSE(e.is_set());
        EXPECT_EQ(state(late), "pending");
        e.set();
        co_await late;
        EXPECT_EQ(log, (words{"a", "b", "late"}));
    });
}

TEST(event, takes_a_cancel_before_the_start_and_while_waiting) {
    run([]() -> coroutine<> {
        event e;
        words log;
        const auto before_start = create_task(wait(e, "a", log));
        before_start.cancel();
        const auto waiting = create_task(ending(e.wait()));
        const auto other = create_task(wait(e, "other", log));
        co_await settle();
        waiting.cancel("enough");
        e.set();
        const std::string how = co_await waiting;
        EXPECT_EQ(how, "cancelled: enough");
        EXPECT_EQ(state(before_start), "cancelled");
        co_await other;
        EXPECT_EQ(log, words{"other"});
    });
}

TEST(event, that_was_set_is_not_undone_by_a_cancel_in_the_same_round) {
    run([]() -> coroutine<> {
        event e;
        words log;
        const auto t = create_task(
            [](event& awaited, words& heard) -> coroutine<> {
                co_await awaited.wait();
                heard.push_back("woken");
                co_await asyncio::sleep(0s);
                heard.push_back("never");
            },
            std::ref(e), std::ref(log));
        co_await settle();
        e.set();
        t.cancel();
        co_await settle();
        EXPECT_EQ(log, words{"woken"}) << "the cancel is thrown at the next await";
        EXPECT_EQ(state(t), "cancelled");
    });
}

TEST(event, may_die_right_after_it_was_set) {
    run([]() -> coroutine<> {
        auto e = std::make_unique<event>();
        words log;
        const auto t = create_task(wait(*e, "a", log));
        co_await settle();
        e->set();
        e.reset();
        co_await t;
        EXPECT_EQ(log, words{"a"});
    });
}

TEST(event, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        auto e = std::make_unique<event>("ready");
        words log;
        const auto t = create_task(wait(*e, "a", log));
        co_await settle();
        e.reset();
        co_await settle();
        EXPECT_EQ(state(t),
                  "std::runtime_error: asyncio: the event was destroyed while this task waited for "
                  "it; it must outlive the tasks that use it");
    });
}

TEST(event, is_named_in_stacks) {
    run([]() -> coroutine<> {
        event ready("ready");
        event unnamed;
        words log;
        EXPECT_EQ(ready.name(), "ready");
        EXPECT_EQ(unnamed.describe(), "an event");
        const auto t = create_task(wait(ready, "a", log));
        co_await settle();
        auto& s = static_cast<asyncio::detail::task_state_base&>(*t.state());
        EXPECT_NE(asyncio::detail::format_stack(s).find("waits for event 'ready'"),
                  std::string::npos);
        EXPECT_EQ(s.waiting_on->owner(), nullptr);
        ready.set();
        co_await t;
    });
}

TEST(event, refuses_a_thread_that_does_not_run_the_loop_in_debug_mode) {
    asyncio::run(
        []() -> coroutine<> {
            event e;
            words log;
            const auto t = create_task(wait(e, "a", log));
            co_await settle();
            std::string error;
            std::thread([&] { error = error_of([&] { e.set(); }); }).join();
            EXPECT_EQ(error,
                      "std::runtime_error: asyncio: event.set was called from a thread that does "
                      "not run this loop; use call_soon_threadsafe");
            EXPECT_FALSE(e.is_set());
            e.set();
            co_await t;
        }(),
        {.debug = true});
}

TEST(event, refuses_such_a_thread_also_if_debug_mode_came_later) {
    asyncio::run([]() -> coroutine<> {
        event e;
        words log;
        const auto t = create_task(wait(e, "a", log));
        co_await settle();
        asyncio::get_running_loop().set_debug(true);
        std::string error;
        std::thread([&] { error = error_of([&] { e.set(); }); }).join();
        EXPECT_FALSE(error.empty());
        EXPECT_FALSE(e.is_set());
        asyncio::get_running_loop().set_debug(false);
        e.set();
        co_await t;
    }());
}

/// Two loops; a task of the first one waits.
struct two_loops {
    two_loops() { first->run_until_complete(rounds(2)); }
    std::unique_ptr<asyncio::event_loop> first = asyncio::new_event_loop();
    std::unique_ptr<asyncio::event_loop> second = asyncio::new_event_loop();
    event e;
    words log;
    task<> waiting = first->create_task(wait(e, "a", log));
};

TEST(event, wakes_tasks_of_a_loop_that_is_not_the_one_that_runs) {
    two_loops loops;
    const auto set = [&]() -> coroutine<> {
        loops.e.set();
        co_await rounds(2);
    };
    loops.second->run_until_complete(loops.second->create_task(set));
    EXPECT_FALSE(loops.waiting.done());
    loops.first->run_ready();
    EXPECT_TRUE(loops.waiting.done());
}

TEST(event, refuses_tasks_of_another_loop_while_somebody_waits) {
    two_loops loops;
    EXPECT_EQ(error_of([&] { loops.second->run_until_complete(wait(loops.e, "b", loops.log)); }),
              "std::runtime_error: asyncio: this event is used by another event loop; give each "
              "loop its own, and reach the other one with run_coroutine_threadsafe");
    loops.e.set();
    loops.first->run_until_complete(loops.waiting);
    EXPECT_EQ(loops.log, words{"a"});
}

}  // namespace event_test
