// What does not depend on the items: join, shutdown, reports, and the end of a queue.
#include "asyncio/sync/queue_core.hpp"

#include <thread>

#include "asyncio/sync/queue.hpp"
#include "room.hpp"

namespace queue_core_test {

using namespace room;
using asyncio::lifo_queue;
using asyncio::priority_queue;
using asyncio::queue;

coroutine<> join(queue<int>& q) { co_await q.join(); }

TEST(queue, joins_when_every_item_is_done) {  // S146, test_task_done
    run([]() -> coroutine<> {
        queue<int> q(0, "jobs");
        const auto suspended = co_await rounds_of(q.join());
        EXPECT_EQ(suspended, 0u) << "nothing was put";
        q.put_nowait(1);
        q.put_nowait(2);
        const auto j = create_task(join(q));
        co_await settle();
        EXPECT_EQ(state(j), "pending");
        (void)q.get_nowait();
        (void)q.get_nowait();
        q.task_done();
        co_await settle();
        EXPECT_EQ(state(j), "pending");
        q.task_done();
        q.put_nowait(3);
        co_await settle();
        EXPECT_EQ(state(j), "done") << "all was done at one time";
        q.task_done();
        EXPECT_EQ(error_of([&] { q.task_done(); }),
                  "std::invalid_argument: asyncio: task_done() of queue 'jobs' was called more "
                  "often than items were put: call it once for each item that you got");
    });
}

TEST(queue, lets_a_join_be_cancelled) {
    run([]() -> coroutine<> {
        queue<int> q;
        q.put_nowait(1);
        const auto before_start = create_task(join(q));
        before_start.cancel();
        const auto waiting = create_task(join(q));
        const auto done = create_task(
            [](queue<int>& from) -> coroutine<> {
                co_await from.join();
                try {
                    co_await asyncio::sleep(0s);
                } catch (const asyncio::cancelled_error&) {
                    from.put_nowait(7);
                }
            },
            std::ref(q));
        co_await settle();
        waiting.cancel();
        q.task_done();
        done.cancel();
        co_await settle();
        EXPECT_EQ(state(before_start), "cancelled");
        EXPECT_EQ(state(waiting), "cancelled");
        EXPECT_EQ(q.qsize(), 2u) << "a join that has succeeded is not undone";
    });
}

TEST(queue, drains_after_a_shutdown) {  // S147, test_shutdown_nonempty
    run([]() -> coroutine<> {
        queue<std::string> q(2);
        q.put_nowait("a");
        q.put_nowait("b");
        const auto blocked = create_task(put(q, "c"));
        const auto joiner = create_task(q.join());
        co_await settle();
        q.shutdown();
        q.shutdown();
        co_await settle();
        const std::string error = "asyncio::queue_shut_down: asyncio: the queue was shut down";
        EXPECT_EQ(state(blocked), error);
        const std::string how = co_await ending(q.put("d"));
        EXPECT_EQ(how, error);
        EXPECT_EQ(error_of([&] { q.put_nowait("e"); }), error);
        const std::string a = co_await q.get();
        const std::string b = co_await q.get();
        EXPECT_EQ(a + b, "ab");
        const std::string third = co_await ending(q.get());
        EXPECT_EQ(third, error);
        EXPECT_EQ(error_of([&] { (void)q.get_nowait(); }), error);
        EXPECT_EQ(state(joiner), "pending");
        q.task_done();
        q.task_done();
        co_await joiner;
    });
}

TEST(queue, wakes_blocked_gets_at_a_shutdown) {  // S147, test_shutdown_empty
    run([]() -> coroutine<> {
        queue<std::string> q;
        words log;
        const auto a = create_task(get(q, "a", log));
        const auto b = create_task(get(q, "b", log));
        const auto c = create_task(get(q, "c", log));
        co_await settle();
        q.put_nowait("1");
        q.put_nowait("2");
        q.shutdown();
        b.cancel();
        co_await settle();
        EXPECT_EQ(log, (words{"a 1", "c 2"})) << "what was put before is got";
        EXPECT_EQ(state(b), "cancelled");
        const auto d = create_task(ending(q.get()));
        const std::string how = co_await d;
        EXPECT_EQ(how, "asyncio::queue_shut_down: asyncio: the queue was shut down");
    });
}

TEST(queue, drops_everything_at_an_immediate_shutdown) {  // S148
    run([]() -> coroutine<> {                             // test_shutdown_immediate_with_unfinished
        queue<std::string> q;
        for (const char* item : {"in progress", "dropped", "dropped too"}) q.put_nowait(item);
        EXPECT_EQ(q.get_nowait(), "in progress");
        const auto joiner = create_task(q.join());
        co_await settle();
        q.shutdown_immediate();
        EXPECT_EQ(q.qsize(), 0u);
        const std::string error = "asyncio::queue_shut_down: asyncio: the queue was shut down";
        EXPECT_EQ(error_of([&] { (void)q.get_nowait(); }), error);
        co_await settle();
        EXPECT_EQ(state(joiner), "pending") << "one item is in progress";
        q.task_done();
        co_await joiner;
        EXPECT_NE(error_of([&] { q.task_done(); }), "");

        queue<int> all(1);
        all.put_nowait(1);
        const auto finished = create_task(join(all));
        const auto putting = create_task(all.put(2));
        co_await settle();
        all.shutdown_immediate();
        co_await finished;
        const std::string how = co_await ending(putting);
        EXPECT_EQ(how, error);
    });
}

TEST(queue, takes_a_get_away_from_one_that_was_granted_at_an_immediate_shutdown) {  // S148
    run([]() -> coroutine<> {
        lifo_queue<std::string> q;
        words log;
        const auto a = create_task(get(q, "a", log));
        co_await settle();
        q.put_nowait("1");
        q.shutdown_immediate();
        co_await settle();
        EXPECT_EQ(state(a), "asyncio::queue_shut_down: asyncio: the queue was shut down");
        priority_queue<std::string> p;
        p.put_nowait("x");
        p.shutdown_immediate();
        EXPECT_TRUE(p.empty());
    });
}

TEST(queue, is_named_in_stacks) {
    run([]() -> coroutine<> {
        queue<int> q(1, "jobs");
        const auto stack_of = [](const task<>& t) {
            return asyncio::detail::format_stack(
                static_cast<asyncio::detail::task_state_base&>(*t.state()));
        };
        const auto getter = create_task(
            [](queue<int>& from) -> coroutine<> { (void)co_await from.get(); }, std::ref(q));
        co_await settle();
        EXPECT_NE(stack_of(getter).find("waits for an item of queue 'jobs' (0 of 1 items)"),
                  std::string::npos);
        q.put_nowait(1);
        co_await settle();
        q.put_nowait(2);
        const auto putter = create_task(q.put(3));
        const auto joiner = create_task(q.join());
        co_await settle();
        EXPECT_NE(stack_of(putter).find("waits for room in queue 'jobs' (1 of 1 items)"),
                  std::string::npos);
        EXPECT_NE(stack_of(joiner).find("waits for the last task_done() of queue 'jobs'"),
                  std::string::npos);
        q.shutdown_immediate();
        joiner.cancel();
        const std::string how = co_await ending(putter);
        EXPECT_NE(how, "done");
    });
}

TEST(queue, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        auto q = std::make_unique<queue<std::string>>(1);
        words log;
        const auto granted = create_task(get(*q, "a", log));
        const auto waiting = create_task(get(*q, "b", log));
        co_await settle();
        q->put_nowait("x");
        const auto putting = create_task(put(*q, "y"));
        const auto joining = create_task(q->join());
        co_await rounds(0);
        q.reset();
        putting.cancel();
        joining.cancel();
        co_await settle();
        const std::string error =
            "std::runtime_error: asyncio: the queue was destroyed while this task waited for it; "
            "it must outlive the tasks that use it";
        EXPECT_EQ(state(granted), error);
        EXPECT_EQ(state(waiting), error);

        q = std::make_unique<queue<std::string>>(1);
        q->put_nowait("x");
        const auto full = create_task(put(*q, "y"));
        const auto joins = create_task(q->join());
        co_await settle();
        q.reset();
        co_await settle();
        EXPECT_EQ(state(full), error);
        EXPECT_EQ(state(joins), error);
    });
}

TEST(queue, survives_a_loop_that_is_closed_while_tasks_wait) {
    listening_loop loop;
    queue<std::string> q(1);
    words log;
    for (const char* name : {"a", "b"}) loop->create_task(get(q, name, log));
    loop->run_until_complete(settle());
    q.put_nowait("granted");
    loop.close();
    EXPECT_EQ(q.get_nowait(), "granted");

    listening_loop second;
    q.put_nowait("full");
    for (const char* item : {"c", "d"}) second->create_task(put(q, item));
    second->create_task(q.join());
    second->run_until_complete(settle());
    EXPECT_EQ(q.get_nowait(), "full");
    second.close();
    EXPECT_TRUE(q.empty());
}

TEST(queue, refuses_a_thread_that_does_not_run_the_loop_in_debug_mode) {
    asyncio::run(
        []() -> coroutine<> {
            queue<std::string> q(1);
            words log;
            const auto t = create_task(get(q, "a", log));
            co_await settle();
            std::string error;
            std::thread([&] { error = error_of([&] { q.put_nowait("x"); }); }).join();
            EXPECT_EQ(error,
                      "std::runtime_error: asyncio: queue.put was called from a thread that does "
                      "not run this loop; use call_soon_threadsafe");
            EXPECT_TRUE(q.empty());
            q.put_nowait("y");
            co_await t;
        }(),
        {.debug = true});
}

TEST(queue, offers_nothing_to_another_thread_in_debug_mode) {
    run(
        []() -> coroutine<> {
            queue<std::string> q(1);
            co_await q.put("1");
            const auto putting = create_task(put(q, "2"));
            co_await settle();
            EXPECT_EQ(q.get_nowait(), "1");  // the one who waits has room
            const auto elsewhere = [&q]() -> coroutine<std::string> { co_return co_await q.get(); };
            std::string error;
            std::thread([&] { error = error_of([&] { return run(elsewhere()); }); }).join();
            EXPECT_EQ(error,
                      "std::runtime_error: asyncio: queue.get was called from a thread that does "
                      "not run this loop; use call_soon_threadsafe");
            co_await putting;
            EXPECT_EQ(q.get_nowait(), "2");
        }(),
        {.debug = true});
}

}  // namespace queue_core_test
