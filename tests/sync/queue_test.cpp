#include "asyncio/sync/queue.hpp"

#include <optional>

#include "asyncio/compose/wait_for.hpp"
#include "room.hpp"

namespace queue_test {

using namespace room;
using asyncio::lifo_queue;
using asyncio::priority_queue;
using asyncio::queue;

TEST(queue, does_not_suspend_if_it_need_not) {  // S37
    run([]() -> coroutine<> {
        queue<int> q(2);
        auto suspended = co_await rounds_of(q.put(1));
        suspended += co_await rounds_of(q.put(2));
        suspended += co_await rounds_of(q.get());
        suspended += co_await rounds_of(q.get());
        EXPECT_EQ(suspended, 0u);
    });
}

TEST(queue, keeps_the_order_and_the_limit) {  // S144
    run([]() -> coroutine<> {
        queue<std::string> q(2, "letters");
        EXPECT_EQ(q.name(), "letters");
        EXPECT_EQ(error_of([&] { (void)q.get_nowait(); }),
                  "asyncio::queue_empty: asyncio: the queue is empty");
        q.put_nowait("a");
        co_await q.put("b");
        EXPECT_EQ(q.qsize(), 2u);
        EXPECT_TRUE(q.full());
        EXPECT_FALSE(q.empty());
        EXPECT_EQ(q.maxsize(), 2u);
        EXPECT_EQ(q.describe(), "queue 'letters' (2 of 2 items)");
        EXPECT_EQ(error_of([&] { q.put_nowait("c"); }),
                  "asyncio::queue_full: asyncio: the queue is full");
        const std::string a = co_await q.get();
        EXPECT_EQ(a, "a");
        EXPECT_EQ(q.get_nowait(), "b");
        EXPECT_TRUE(q.empty());

        queue<int> endless;
        for (int i = 0; i < 1000; ++i) co_await endless.put(i);
        EXPECT_EQ(endless.maxsize(), 0u);
        EXPECT_FALSE(endless.full());
        EXPECT_EQ(endless.describe(), "a queue (1000 items)");
    });
}

TEST(lifo_queue, gives_the_last_item_first) {  // S144
    run([]() -> coroutine<> {
        lifo_queue<int> q(3);
        for (const int i : {2, 3, 1}) co_await q.put(i);
        for (const int expected : {1, 3, 2}) {
            const int got = co_await q.get();
            EXPECT_EQ(got, expected);
        }
    });
}

TEST(priority_queue, gives_the_smallest_item_first) {  // S144
    run([]() -> coroutine<> {
        priority_queue<int> q;
        for (const int i : {2, 3, 1}) co_await q.put(i);
        for (const int expected : {1, 2, 3}) {
            const int got = co_await q.get();
            EXPECT_EQ(got, expected);
        }
        const auto longest = [](const std::string& a, const std::string& b) {
            return a.size() > b.size();
        };
        priority_queue<std::string, decltype(longest)> by_length(0, "words", longest);
        for (const char* word : {"on", "three", "one"}) by_length.put_nowait(word);
        EXPECT_EQ(by_length.get_nowait(), "three");
        EXPECT_EQ(by_length.name(), "words");
    });
}

TEST(queue, carries_items_that_only_move) {
    run([]() -> coroutine<> {
        queue<std::unique_ptr<int>> q(1);
        lifo_queue<std::unique_ptr<int>> last;
        const auto consumer = create_task(
            [](queue<std::unique_ptr<int>>& from) -> coroutine<int> {
                const auto first = co_await from.get();
                const auto second = co_await from.get();
                co_return *first + *second;
            },
            std::ref(q));
        auto one = std::make_unique<int>(1);
        co_await q.put(std::move(one));
        co_await q.put(std::in_place, new int(2));
        const int sum = co_await consumer;
        EXPECT_EQ(sum, 3);
        last.put_nowait(std::make_unique<int>(4));
        EXPECT_EQ(*last.get_nowait(), 4);
        auto getting = create_task(q.get());
        q.put_nowait(std::make_unique<int>(5));
        const auto five = co_await std::move(getting);
        EXPECT_EQ(*five, 5);
    });
}

TEST(queue, lets_put_wait_for_room_and_get_for_an_item) {  // S144, test_maxsize
    run([]() -> coroutine<> {
        queue<int> q(1);
        words order;
        const auto producer = create_task(
            [](queue<int>& to, words& log) -> coroutine<> {
                for (int i = 0; i < 3; ++i) {
                    co_await to.put(i);
                    log.push_back("put " + std::to_string(i));
                }
            },
            std::ref(q), std::ref(order));
        co_await settle();
        EXPECT_EQ(order, words{"put 0"});
        for (int i = 0; i < 3; ++i) {
            const int got = co_await q.get();
            order.push_back("got " + std::to_string(got));
            co_await settle();
        }
        co_await producer;
        EXPECT_EQ(order, (words{"put 0", "got 0", "put 1", "got 1", "put 2", "got 2"}));
    });
}

TEST(queue, loses_no_item_to_a_cancelled_get) {  // S144, test_get_cancel_drop_one_pending_reader
    run([]() -> coroutine<> {
        queue<std::string> q;
        words log;
        const auto a = create_task(get(q, "a", log));
        const auto b = create_task(get(q, "b", log));
        co_await settle();
        q.put_nowait("item");
        a.cancel();
        co_await settle();
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_EQ(log, words{"b item"});
        EXPECT_TRUE(q.empty());

        const auto only = create_task(get(q, "only", log));
        co_await settle();
        q.put_nowait("1");
        q.put_nowait("2");
        only.cancel();
        co_await settle();
        EXPECT_EQ(state(only), "cancelled");
        EXPECT_EQ(q.qsize(), 2u);
        const std::string first = co_await q.get();
        EXPECT_EQ(first, "1") << "in its old place";
    });
}

TEST(queue, serves_many_getters_around_a_cancelled_one) {  // S144
    run([]() -> coroutine<> {  // test_get_cancel_drop_many_pending_readers
        queue<std::string> q;
        words log;
        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c", "d"})
            tasks.push_back(create_task(get(q, name, log)));
        const auto before_start = create_task(get(q, "never", log));
        before_start.cancel();
        co_await settle();
        for (const char* item : {"0", "1", "2"}) q.put_nowait(item);
        tasks[1].cancel();
        co_await settle();
        EXPECT_EQ(log, (words{"a 0", "c 1", "d 2"}));
        EXPECT_EQ(state(tasks[1]), "cancelled");
        EXPECT_EQ(state(before_start), "cancelled");
    });
}

TEST(queue, keeps_a_timeout_from_losing_an_item) {  // S144
    run([]() -> coroutine<> {
        queue<int> q;
        const std::string how = co_await ending(asyncio::wait_for(q.get(), 1ms));
        EXPECT_EQ(how.substr(0, 22), "asyncio::timeout_error");
        q.put_nowait(1);
        const int got = co_await asyncio::wait_for(q.get(), 0s);
        EXPECT_EQ(got, 1);
    });
}

TEST(queue, lets_no_newcomer_take_what_was_granted) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        words log;
        const auto waiting = create_task(get(q, "waiting", log));
        co_await settle();
        q.put_nowait("1");
        const auto newcomer = create_task(get(q, "newcomer", log), {.eager_start = true});
        EXPECT_EQ(state(newcomer), "pending");
        co_await settle();
        EXPECT_EQ(log, words{"waiting 1"});

        q.put_nowait("2");  // granted to the newcomer
        const auto second_put = create_task(put(q, "3"));
        co_await rounds();
        EXPECT_EQ(log, (words{"waiting 1", "newcomer 2"}));
        co_await second_put;
        const auto third_put = create_task(put(q, "4"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "3");
        const auto late_put = create_task(put(q, "5"), {.eager_start = true});
        EXPECT_EQ(state(late_put), "pending") << "the room is the third's";
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "4");
        co_await late_put;
        EXPECT_EQ(q.get_nowait(), "5");
    });
}

TEST(queue, lets_nowait_calls_be_quicker_and_puts_the_others_first_in_line) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        words log;
        const auto first = create_task(get(q, "first", log));
        const auto second = create_task(get(q, "second", log));
        co_await settle();
        q.put_nowait("stolen");
        EXPECT_EQ(q.get_nowait(), "stolen");
        co_await settle();
        EXPECT_EQ(state(first), "pending");
        q.put_nowait("1");
        co_await settle();
        EXPECT_EQ(log, words{"first 1"});
        second.cancel();
        co_await settle();

        q.put_nowait("a");
        const auto b = create_task(put(q, "b"));
        const auto c = create_task(put(q, "c"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "a");
        q.put_nowait("quicker");
        co_await settle();
        EXPECT_EQ(state(b), "pending");
        EXPECT_EQ(q.get_nowait(), "quicker");
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "b");
        co_await c;
        EXPECT_EQ(q.get_nowait(), "c");
    });
}

TEST(queue, takes_a_grant_back_and_may_give_it_again_before_the_turn) {
    run([]() -> coroutine<> {
        queue<std::string> q;
        words log;
        const auto first = create_task(get(q, "first", log));
        const auto second = create_task(get(q, "second", log));
        co_await settle();
        q.put_nowait("stolen");
        q.put_nowait("1");
        EXPECT_EQ(q.get_nowait(), "stolen");  // taken back from the second
        q.put_nowait("2");
        co_await settle();
        EXPECT_EQ(log, (words{"first 1", "second 2"}));
    });
}

TEST(queue, lets_a_cancel_end_the_wait_of_one_whose_grant_was_taken_back) {
    run([]() -> coroutine<> {
        queue<std::string> q;
        words log;
        const auto before = create_task(get(q, "before", log));
        const auto after = create_task(get(q, "after", log));
        const auto last = create_task(get(q, "last", log));
        co_await settle();
        q.put_nowait("a");
        q.put_nowait("b");
        (void)before.cancel();           // while it is granted
        EXPECT_EQ(q.get_nowait(), "a");  // taken back from the one after
        (void)after.cancel();            // while it waits again
        EXPECT_EQ(q.get_nowait(), "b");  // taken back from the cancelled one
        co_await settle();
        EXPECT_EQ(state(before), "cancelled");
        EXPECT_EQ(state(after), "cancelled");
        EXPECT_EQ(state(last), "pending");
        q.put_nowait("c");
        co_await last;
        EXPECT_EQ(log, words{"last c"});
    });
}

TEST(queue, tells_one_whose_grant_was_taken_back_that_it_was_destroyed) {
    run([]() -> coroutine<> {
        words log;
        std::optional<queue<std::string>> q(std::in_place);
        const auto waiting = create_task(get(*q, "waiting", log));
        co_await settle();
        q->put_nowait("stolen");
        EXPECT_EQ(q->get_nowait(), "stolen");
        q.reset();
        co_await settle();
        EXPECT_NE(state(waiting).find("was destroyed"), std::string::npos) << state(waiting);
    });
}

TEST(queue, is_left_as_it_was_by_a_cancelled_put) {  // S145, test_put_cancel_drop
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        co_await q.put("first");
        const auto a = create_task(put(q, "cancelled"));
        const auto b = create_task(put(q, "second"));
        const auto before_start = create_task(put(q, "never"));
        before_start.cancel();
        co_await settle();
        a.cancel();
        co_await settle();
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_EQ(q.qsize(), 1u);
        const std::string first = co_await q.get();
        const std::string second = co_await q.get();
        EXPECT_EQ(first + " " + second, "first second");
        co_await settle();
        EXPECT_EQ(state(b), "done");
        EXPECT_TRUE(q.empty());
    });
}

TEST(queue, gives_the_room_of_a_cancelled_put_to_the_next) {  // S145
    run([]() -> coroutine<> {  // test_cancelled_put_silence_value_error_exception
        queue<std::string> q(1);
        co_await q.put("first");
        const auto a = create_task(put(q, "cancelled"));
        const auto b = create_task(put(q, "second"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "first");
        a.cancel();
        co_await settle();
        EXPECT_EQ(state(a), "cancelled");
        EXPECT_EQ(state(b), "done");
        EXPECT_EQ(q.get_nowait(), "second");
    });
}

// ---- a get takes the item of a put that has got room, but not had its turn ----

TEST(queue, gives_a_get_the_item_of_a_put_that_has_room_and_not_had_its_turn) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        co_await q.put("1");
        const auto second = create_task(put(q, "2"));
        const auto third = create_task(put(q, "3"));
        co_await settle();
        words got;
        const auto suspended =
            co_await rounds_of([](queue<std::string>& from, words& log) -> coroutine<> {
                for (int i = 0; i < 3; ++i) {
                    log.push_back(co_await from.get());
                    EXPECT_EQ(from.qsize(), 0u) << "nothing goes through the queue";
                }
            }(q, got));
        EXPECT_EQ(suspended, 0u);
        EXPECT_EQ(got, (words{"1", "2", "3"}));
        EXPECT_EQ(state(second) + " " + state(third), "pending pending") << "their turn comes";
        co_await rounds();
        EXPECT_EQ(state(second) + " " + state(third), "done done");
        EXPECT_TRUE(q.empty());
        q.put_nowait("the room is there for others");
        for (int i = 0; i < 4; ++i) q.task_done();  // every item was put, and counts
    });
}

TEST(queue, takes_no_item_out_of_the_hands_of_a_cancelled_put) {  // S145
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        co_await q.put("1");
        const auto cancelled = create_task(put(q, "cancelled"));
        const auto next = create_task(put(q, "2"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "1");
        cancelled.cancel();
        const std::string got = co_await q.get();
        EXPECT_EQ(got, "2");
        EXPECT_EQ(state(cancelled), "cancelled");
        co_await next;
    });
}

TEST(queue, lets_a_cancel_wait_whose_put_is_over_already) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        words log;
        co_await q.put("1");
        const auto putting = create_task(
            [](queue<std::string>& to, words& l) -> coroutine<> {
                co_await to.put("2");
                l.push_back("put");
                co_await asyncio::sleep(0s);
                l.push_back("never");
            },
            std::ref(q), std::ref(log));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "1");
        const std::string got = co_await q.get();
        EXPECT_EQ(got, "2");
        putting.cancel();
        co_await settle();
        EXPECT_EQ(state(putting), "cancelled");
        EXPECT_EQ(log, words{"put"}) << "the item is gone: the next wait is cancelled";
    });
}

TEST(queue, gives_a_cancelled_get_nothing) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        words log;
        co_await q.put("1");
        const auto cancelled = create_task(put(q, "2"));
        const auto next = create_task(put(q, "3"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "1");
        cancelled.cancel();  // the next one will have its room
        const auto getting = create_task(get(q, "never", log), {.eager_start = true});
        getting.cancel();
        co_await settle();
        EXPECT_EQ(state(getting), "cancelled");
        EXPECT_EQ(log, words{});
        EXPECT_EQ(q.get_nowait(), "3");
    });
}

TEST(queue, takes_no_item_before_others_who_wait_and_none_after_a_shutdown) {
    run([]() -> coroutine<> {
        queue<std::string> q(1);
        words log;
        co_await q.put("1");
        const auto putting = create_task(put(q, "2"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "1");
        const auto granted_none = create_task(get(q, "first", log), {.eager_start = true});
        EXPECT_EQ(log, words{"first 2"}) << "nobody was before it";
        co_await settle();
        const auto waiting = create_task(get(q, "second", log));
        co_await settle();
        q.put_nowait("3");  // granted to the one who waits
        const auto late = create_task(put(q, "4"));
        const auto later = create_task(get(q, "third", log));
        co_await settle();
        EXPECT_EQ(log, (words{"first 2", "second 3", "third 4"}));

        q.put_nowait("5");
        const auto refused = create_task(put(q, "6"));
        co_await settle();
        EXPECT_EQ(q.get_nowait(), "5");
        q.shutdown();
        const auto nothing = create_task(get(q, "fourth", log), {.eager_start = true});
        co_await settle();
        EXPECT_EQ(state(nothing), "asyncio::queue_shut_down: asyncio: the queue was shut down");
        EXPECT_EQ(state(refused), state(nothing));
    });
}

TEST(queue, leaves_the_choice_to_those_that_have_an_order_of_their_own) {
    run([]() -> coroutine<> {
        priority_queue<std::string> q(2);
        words log;
        q.put_nowait("a");
        q.put_nowait("b");
        const auto later = create_task(put(q, "z"));
        const auto sooner = create_task(put(q, "c"));
        co_await settle();
        for (const std::string expected : {"a", "b", "c", "z"}) {
            const std::string got = co_await q.get();
            EXPECT_EQ(got, expected);
        }
    });
}

/// Its destructor asks the queue.
struct nosy {
    explicit nosy(queue<nosy>& q, words& l) : from(&q), log(&l) {}
    nosy(nosy&& o) noexcept : from(std::exchange(o.from, nullptr)), log(o.log) {}
    nosy& operator=(nosy&&) = delete;
    ~nosy() {
        if (from != nullptr) log->push_back(std::to_string(from->qsize()));
    }
    queue<nosy>* from;
    words* log;
};

TEST(queue, is_in_order_when_the_destructor_of_a_dropped_item_asks_it) {
    words log;
    queue<nosy> q;
    q.put_nowait(nosy(q, log));
    q.put_nowait(nosy(q, log));
    q.shutdown_immediate();
    EXPECT_EQ(log, (words{"0", "0"}));
}

/// Cannot be moved any more once `bad` is set.
struct moody {
    explicit moody(int v) : value(v) {}
    moody(moody&& o) : value(o.value) {
        if (bad) throw std::runtime_error("not now");
    }
    int value;
    static inline bool bad = false;
};

TEST(queue, hands_room_and_items_on_if_a_move_throws) {
    run([]() -> coroutine<> {
        queue<moody> q(1);
        const auto take = [](queue<moody>& from) -> coroutine<int> {
            const moody m = co_await from.get();
            co_return m.value;
        };
        const auto a = create_task(take, std::ref(q));
        const auto b = create_task(take, std::ref(q));
        co_await settle();
        q.put_nowait(moody(1));
        moody::bad = true;
        co_await rounds();
        moody::bad = false;
        EXPECT_EQ(state(a), "std::runtime_error: not now");
        const int got = co_await b;
        EXPECT_EQ(got, 1);

        q.put_nowait(moody(2));
        const auto c =
            create_task([](queue<moody>& to) -> coroutine<> { co_await to.put(std::in_place, 3); },
                        std::ref(q));
        const auto d =
            create_task([](queue<moody>& to) -> coroutine<> { co_await to.put(std::in_place, 4); },
                        std::ref(q));
        co_await settle();
        EXPECT_EQ(q.get_nowait().value, 2);
        moody::bad = true;
        co_await rounds();
        moody::bad = false;
        EXPECT_EQ(state(c), "std::runtime_error: not now");
        co_await d;
        const auto e =
            create_task([](queue<moody>& to) -> coroutine<> { co_await to.put(std::in_place, 5); },
                        std::ref(q));
        co_await settle();
        EXPECT_EQ(q.get_nowait().value, 4);
        moody::bad = true;
        const auto f = create_task({.eager_start = true}, take, std::ref(q));
        moody::bad = false;
        EXPECT_EQ(state(f), "std::runtime_error: not now");
        co_await e;
        EXPECT_EQ(q.get_nowait().value, 5) << "it stayed in the hands of the put";
    });
}

}  // namespace queue_test
