#include "asyncio/sync/semaphore.hpp"

#include "asyncio/compose/with.hpp"
#include "room.hpp"

namespace semaphore_test {

using namespace room;
using asyncio::bounded_semaphore;
using asyncio::guard;
using asyncio::semaphore;

coroutine<> take(semaphore& s, std::string name, words& log) {
    co_await s.acquire();
    log.push_back(std::move(name));
}

coroutine<> work(semaphore& s, std::string name, words& log, int for_rounds) {
    const auto place = co_await s.scoped_acquire();
    log.push_back(std::move(name));
    co_await rounds(for_rounds);
}

TEST(semaphore, has_as_many_places_as_it_says) {  // S37
    run([]() -> coroutine<> {
        semaphore s(2);
        auto suspended = co_await rounds_of(s.acquire());
        EXPECT_FALSE(s.locked());
        suspended += co_await rounds_of(s.acquire());
        EXPECT_EQ(suspended, 0u);
        EXPECT_TRUE(s.locked());
        s.release();
        EXPECT_FALSE(s.locked());
        s.release();
        s.release();
        EXPECT_EQ(s.describe(), "a semaphore with 3 free");
        EXPECT_TRUE(semaphore(0).locked());
        EXPECT_FALSE(semaphore().locked());
    });
}

TEST(semaphore, is_first_in_first_out) {  // S140
    run([]() -> coroutine<> {
        semaphore s(1);
        words order;
        co_await s.acquire();
        const auto a = create_task(take(s, "a", order));
        const auto b = create_task(take(s, "b", order));
        co_await settle();
        s.release();
        EXPECT_TRUE(s.locked()) << "the place is a's";
        const auto newcomer = create_task(take(s, "newcomer", order));
        co_await settle();
        s.release();
        co_await settle();
        s.release();
        co_await settle();
        EXPECT_EQ(order, (words{"a", "b", "newcomer"}));
    });
}

TEST(semaphore, lets_nobody_overtake_although_there_is_room) {  // S140, test_acquire_fifo_order_4
    run([]() -> coroutine<> {
        semaphore s(0);
        words log;
        const auto first = create_task(take(s, "1", log));
        const auto second = create_task(
            [](semaphore& sem, words& order) -> coroutine<> {
                sem.release();
                sem.release();
                sem.release();
                EXPECT_TRUE(sem.locked()) << "the first one has not had its turn";
                co_await sem.acquire();
                order.push_back("2");
            },
            std::ref(s), std::ref(log));
        const auto third = create_task(take(s, "3", log));
        co_await rounds();
        EXPECT_EQ(log, words{});
        co_await rounds();
        EXPECT_EQ(log, words{"1"});
        co_await rounds();
        EXPECT_EQ(log, (words{"1", "2", "3"})) << "the first one has woken all who can";
        EXPECT_TRUE(s.locked());
    });
}

TEST(semaphore, alternates_fairly) {  // S140, test_acquire_fifo_order
    run([]() -> coroutine<> {
        semaphore s(1);
        words order;
        const auto twice = [](semaphore& sem, std::string tag, words& log) -> coroutine<> {
            for (const char* time : {"1", "2"}) {
                co_await sem.acquire();
                log.push_back(tag + time);
                co_await rounds(2);
                sem.release();
            }
        };
        std::vector<task<>> tasks;
        for (const char* tag : {"a", "b", "c"})
            tasks.push_back(create_task(twice, std::ref(s), std::string(tag), std::ref(order)));
        for (auto& t : tasks) co_await t;
        EXPECT_EQ(order, (words{"a1", "b1", "c1", "a2", "b2", "c2"}));
    });
}

coroutine<> cancel_and_release(bool cancel_first) {
    semaphore s(0);
    words log;
    const auto a = create_task(take(s, "a", log));
    const auto b = create_task(take(s, "b", log));
    co_await settle();
    if (cancel_first) a.cancel();
    s.release();
    if (!cancel_first) a.cancel();
    co_await settle();
    EXPECT_EQ(log, words{"b"});
    EXPECT_EQ(state(a), "cancelled");
    EXPECT_EQ(state(b), "done");
    EXPECT_TRUE(s.locked()) << "b has the place";
}

TEST(semaphore, does_not_lose_a_release_to_a_cancelled_waiter) {  // S141, test_acquire_hang
    run(cancel_and_release(true));
    run(cancel_and_release(false));
}

TEST(semaphore, does_not_leak_places_to_cancelled_waiters) {  // S141, test_acquire_no_hang
    run([]() -> coroutine<> {
        semaphore s(1);
        words log;
        co_await s.acquire();
        std::vector<task<>> tasks;
        for (int i = 0; i < 4; ++i) tasks.push_back(create_task(work(s, "x", log, 2)));
        tasks.push_back(create_task(take(s, "never starts", log)));
        tasks.back().cancel();
        co_await settle();
        for (auto& t : tasks) t.cancel();
        s.release();
        co_await settle();
        EXPECT_EQ(log, words{});
        EXPECT_FALSE(s.locked());
        const auto suspended = co_await rounds_of(s.acquire());
        EXPECT_EQ(suspended, 0u);
    });
}

TEST(semaphore, hands_several_places_on_at_once) {  // S141, test_acquire_cancel_before_awoken
    run([]() -> coroutine<> {
        semaphore s(0);
        words log;
        std::vector<task<>> tasks;
        for (const char* name : {"1", "2", "3", "4", "5"})
            tasks.push_back(create_task(take(s, name, log)));
        co_await settle();
        s.release();
        s.release();
        s.release();
        tasks[0].cancel();
        tasks[1].cancel();
        co_await settle();
        EXPECT_EQ(log, (words{"3", "4", "5"}));
    });
}

TEST(semaphore, refuses_a_negative_value) {  // S142
    EXPECT_EQ(error_of([] { semaphore(-1, "pool"); }),
              "std::invalid_argument: asyncio: semaphore 'pool' cannot start with -1 places: the "
              "value must be 0 or more");
    EXPECT_NE(error_of([] { bounded_semaphore(-1); }), "");
}

TEST(bounded_semaphore, refuses_one_release_too_many) {  // S142
    run([]() -> coroutine<> {
        bounded_semaphore s(2, "pool");
        co_await s.acquire();
        s.release();
        EXPECT_EQ(
            error_of([&] { s.release(); }),
            "std::invalid_argument: asyncio: release() of semaphore 'pool' that has all its 2 "
            "places already: every release() needs its own acquire()");
        EXPECT_EQ(s.describe(), "semaphore 'pool' with 2 free");
    });
    EXPECT_NE(error_of([] { bounded_semaphore().release(); }), "");
}

TEST(bounded_semaphore, reports_an_exit_that_has_nothing_to_give_back) {
    listening_loop loop;
    loop->run_until_complete([]() -> coroutine<> {
        bounded_semaphore s(1);
        const auto place = co_await s.scoped_acquire();
        s.release();
    }());
    ASSERT_EQ(loop.reports.size(), 1u);
    EXPECT_EQ(loop.reports[0].substr(0, 60),
              "Exception in the release of a semaphore: std::invalid_argume");
}

TEST(semaphore, gives_guards_and_works_with_with) {
    run([]() -> coroutine<> {
        semaphore s(2, "pool");
        EXPECT_EQ(s.name(), "pool");
        {
            const guard<semaphore> a = co_await s.scoped_acquire();
            auto b = co_await s.scoped_acquire();
            EXPECT_TRUE(s.locked());
            b.unlock();
            EXPECT_FALSE(s.locked());
        }
        EXPECT_EQ(s.describe(), "semaphore 'pool' with 2 free");
        const auto body = [](semaphore& inside) -> coroutine<> {
            EXPECT_EQ(inside.describe(), "semaphore 'pool' with 1 free");
            co_return;
        };
        co_await asyncio::with(s, body);
        EXPECT_EQ(s.describe(), "semaphore 'pool' with 2 free");
        co_await s.enter();
        s.exit();
    });
}

TEST(semaphore, wakes_its_waiters_with_an_error_when_it_is_destroyed) {
    run([]() -> coroutine<> {
        auto s = std::make_unique<semaphore>(0);
        words log;
        const auto granted = create_task(take(*s, "a", log));
        const auto waiting = create_task(take(*s, "b", log));
        co_await settle();
        s->release();
        s.reset();
        co_await settle();
        const std::string error =
            "std::runtime_error: asyncio: the semaphore was destroyed while this task waited for "
            "it; it must outlive the tasks that use it";
        EXPECT_EQ(state(granted), error);
        EXPECT_EQ(state(waiting), error);
    });
}

TEST(semaphore, gets_its_places_back_from_a_loop_that_is_closed) {
    listening_loop loop;
    semaphore s(0, "pool");
    words log;
    const auto a = loop->create_task(take(s, "a", log));
    const auto b = loop->create_task(take(s, "b", log));
    loop->run_until_complete(settle());
    auto& waiting = static_cast<asyncio::detail::task_state_base&>(*a.state());
    EXPECT_EQ(waiting.waiting_on->describe(), "semaphore 'pool' with 0 free");
    s.release();
    EXPECT_TRUE(s.locked()) << "the place is a's, whose turn never comes";
    loop.close();
    EXPECT_EQ(s.describe(), "semaphore 'pool' with 1 free");
}

}  // namespace semaphore_test
