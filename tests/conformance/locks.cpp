// Locks, events, conditions, semaphores and barriers: fair, and no grant is lost to a cancel.
#include <algorithm>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S134_a_lock_is_first_in_first_out) {
    auto main = []() -> coroutine<> {
        lock mutex;
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            const auto held = co_await mutex.scoped_acquire();
            order.push_back(name);
            co_await sleep(0s);
        };

        co_await mutex.acquire();
        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(worker(name)));
        co_await settle();
        say("held by main", order);
        mutex.release();
        for (const auto& t : tasks) co_await t;
        say("order", order, "locked", mutex.locked());
    };

    run(main());
}

SCENARIO(S134_a_newcomer_does_not_overtake) {
    auto main = []() -> coroutine<> {
        lock mutex;
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            const auto held = co_await mutex.scoped_acquire();
            order.push_back(name);
        };

        co_await mutex.acquire();
        auto waiter = create_task(worker("waiter"));
        co_await settle();
        mutex.release();
        co_await worker("newcomer");
        co_await waiter;
        say("order", order);
    };

    run(main());
}

SCENARIO(S134_release_and_cancel_of_the_first_waiter_in_one_turn) {
    auto main = []() -> coroutine<> {
        auto play_once = [](bool cancel_first) -> coroutine<> {
            lock mutex;
            strings order;

            auto worker = [&](std::string name) -> coroutine<> {
                const auto held = co_await mutex.scoped_acquire();
                order.push_back(name);
                co_await turns(3);
            };

            co_await mutex.acquire();
            auto a = create_task(worker("a"));
            auto b = create_task(worker("b"));
            auto c = create_task(worker("c"));
            co_await settle();
            if (cancel_first) {
                a.cancel();
                mutex.release();
            } else {
                mutex.release();
                a.cancel();
            }
            co_await turns(2);
            say("woken", order);
            co_await settle();
            say("in the end", order, state(a), state(b), state(c), "locked", mutex.locked());
        };

        say("cancel, release");
        co_await play_once(true);
        say("release, cancel");
        co_await play_once(false);
    };

    run(main());
}

SCENARIO(S134_release_of_a_free_lock) {
    auto main = []() -> coroutine<> {
        say("release:", attempt([] { lock().release(); }));
        co_return;
    };

    run(main());
}

SCENARIO(S135_granted_and_cancelled) {
    auto main = []() -> coroutine<> {
        lock mutex;

        auto worker = [&]() -> coroutine<> { co_await mutex.acquire(); };

        co_await mutex.acquire();
        auto t = create_task(worker());
        co_await settle();
        mutex.release();
        t.cancel();
        say("worker:", co_await outcome_of(t));
        say("locked", mutex.locked());
    };

    run(main());
}

SCENARIO(S136_set_and_clear_wakes_everybody) {
    auto main = []() -> coroutine<> {
        event flag;
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            co_await flag.wait();
            order.push_back(name);
        };

        std::vector<task<>> tasks;
        for (const char* name : {"a", "b"}) tasks.push_back(create_task(worker(name)));
        co_await settle();
        flag.set();
        flag.clear();
        auto late = create_task(worker("late"));
        co_await settle();
        say("woken", order, "set", flag.is_set(), "late:", state(late));
        flag.set();
        co_await late;
        say("woken", order, "set", flag.is_set());
    };

    run(main());
}

SCENARIO(S136_a_cancelled_waiter_of_an_event) {
    auto main = []() -> coroutine<> {
        event flag;

        auto worker = [&]() -> coroutine<std::string> {
            co_await flag.wait();
            co_return "woken";
        };

        auto a = create_task(worker());
        auto b = create_task(worker());
        co_await settle();
        a.cancel();
        flag.set();
        say("a:", co_await outcome_of(a));
        say("b:", co_await outcome_of(b));
    };

    run(main());
}

SCENARIO(S137_a_cancelled_wait_holds_the_lock_again) {
    auto main = []() -> coroutine<> {
        condition changed;
        strings order;

        auto worker = [&]() -> coroutine<> {
            const auto held = co_await changed.scoped_acquire();
            const finally note([&] { order.push_back("locked: " + text(changed.locked())); });
            co_await changed.wait();
        };

        auto t = create_task(worker());
        co_await settle();
        co_await changed.acquire();
        t.cancel("the reason");
        co_await settle();
        order.push_back("main releases");
        changed.release();
        try {
            co_await t;
        } catch (const cancelled_error& e) {
            say("worker: cancelled_error,", e.message());
        }
        say(order, "locked", changed.locked());
    };

    run(main());
}

SCENARIO(S138_a_notified_waiter_that_is_cancelled_passes_it_on) {
    auto main = []() -> coroutine<> {
        condition changed;
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            const auto held = co_await changed.scoped_acquire();
            co_await changed.wait();
            order.push_back(name);
        };

        auto a = create_task(worker("a"));
        auto b = create_task(worker("b"));
        co_await settle();
        {
            const auto held = co_await changed.scoped_acquire();
            changed.notify(1);
            a.cancel();
        }
        co_await settle();
        say("woken", order, "a:", state(a), "b:", state(b));
        say("locked", changed.locked());
    };

    run(main());
}

SCENARIO(S138_notify_wakes_in_order) {
    auto main = []() -> coroutine<> {
        condition changed;
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            const auto held = co_await changed.scoped_acquire();
            co_await changed.wait();
            order.push_back(name);
        };

        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(create_task(worker(name)));
        co_await settle();
        {
            const auto held = co_await changed.scoped_acquire();
            changed.notify(2);
        }
        co_await settle();
        say("notify(2)", order);
        {
            const auto held = co_await changed.scoped_acquire();
            changed.notify_all();
        }
        co_await settle();
        say("notify_all", order);
    };

    run(main());
}

SCENARIO(S138_wait_for_a_predicate) {
    auto main = []() -> coroutine<> {
        condition changed;
        std::vector<int> items;

        auto worker = [&]() -> coroutine<std::vector<int>> {
            auto enough = [&] { return items.size() >= 2; };

            const auto held = co_await changed.scoped_acquire();
            co_await changed.wait_for(enough);
            co_return items;
        };

        auto t = create_task(worker());
        for (int i = 0; i < 3; ++i) {
            co_await settle();
            const auto held = co_await changed.scoped_acquire();
            items.push_back(i);
            changed.notify();
        }
        say("worker saw", co_await t);
    };

    run(main());
}

SCENARIO(S139_without_the_lock) {
    auto main = []() -> coroutine<> {
        condition changed;

        auto wait = [&]() -> coroutine<> { co_await changed.wait(); };

        say("wait:", co_await outcome_of(wait()));
        say("notify:", attempt([&] { changed.notify(); }));
        say("notify_all:", attempt([&] { changed.notify_all(); }));
    };

    run(main());
}

SCENARIO(S140_a_semaphore_is_first_in_first_out) {
    auto main = []() -> coroutine<> {
        semaphore slots(1);
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            co_await slots.acquire();
            order.push_back(name);
        };

        co_await slots.acquire();
        auto a = create_task(worker("a"));
        auto b = create_task(worker("b"));
        co_await settle();
        slots.release();
        say("locked for a newcomer", slots.locked());
        auto newcomer = create_task(worker("newcomer"));
        co_await settle();
        slots.release();
        co_await settle();
        slots.release();
        co_await settle();
        say("order", order);
        say(state(a), state(b), state(newcomer));
    };

    run(main());
}

SCENARIO(S140_no_barging_in_the_turn_of_the_release) {
    auto main = []() -> coroutine<> {
        semaphore slots(2);
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            const auto held = co_await slots.scoped_acquire();
            order.push_back(name);
            co_await turns(2);
        };

        co_await slots.acquire();
        co_await slots.acquire();
        std::vector<task<>> tasks;
        for (const char* name : {"a", "b"}) tasks.push_back(create_task(worker(name)));
        co_await settle();
        slots.release();
        slots.release();
        {
            const auto held = co_await slots.scoped_acquire();
            order.push_back("newcomer");
        }
        for (const auto& t : tasks) co_await t;
        say("order", order);
    };

    run(main());
}

SCENARIO(S141_a_cancelled_waiter_does_not_eat_a_release) {
    auto main = []() -> coroutine<> {
        auto play_once = [](bool cancel_first) -> coroutine<> {
            semaphore slots(0);
            strings order;

            auto worker = [&](std::string name) -> coroutine<> {
                co_await slots.acquire();
                order.push_back(name);
            };

            auto a = create_task(worker("a"));
            auto b = create_task(worker("b"));
            co_await settle();
            if (cancel_first) {
                a.cancel();
                slots.release();
            } else {
                slots.release();
                a.cancel();
            }
            co_await settle();
            say("acquired", order, "a:", state(a), "b:", state(b), "locked", slots.locked());
        };

        say("cancel, release");
        co_await play_once(true);
        say("release, cancel");
        co_await play_once(false);
    };

    run(main());
}

SCENARIO(S141_a_cancelled_waiter_does_not_leak) {
    auto main = []() -> coroutine<> {
        semaphore slots(1);

        auto worker = [&]() -> coroutine<> {
            const auto held = co_await slots.scoped_acquire();
            co_await turns(2);
        };

        co_await slots.acquire();
        std::vector<task<>> tasks;
        for (int i = 0; i < 4; ++i) tasks.push_back(create_task(worker()));
        co_await settle();
        for (const auto& t : tasks) t.cancel();
        slots.release();
        co_await settle();
        say("locked", slots.locked());
        co_await slots.acquire();
        say("acquired, locked", slots.locked());
    };

    run(main());
}

SCENARIO(S142_released_too_often) {
    auto main = []() -> coroutine<> {
        bounded_semaphore slots(1);
        co_await slots.acquire();
        say("release:", attempt([&] { slots.release(); }));
        say("release again:", attempt([&] { slots.release(); }));
        say("a negative value:", attempt([] { const semaphore negative(-1); }));
    };

    run(main());
}

SCENARIO(S143_a_barrier_gives_every_task_its_index) {
    auto main = []() -> coroutine<> {
        barrier gate(3);
        std::vector<std::size_t> indices;

        auto worker = [&]() -> coroutine<> { indices.push_back(co_await gate.wait()); };

        std::vector<task<>> tasks;
        for (int i = 0; i < 2; ++i) tasks.push_back(create_task(worker()));
        co_await settle();
        say("waiting", gate.n_waiting(), "of", gate.parties(), indices);
        tasks.push_back(create_task(worker()));
        co_await settle();
        std::ranges::sort(indices);
        say("indices", indices, "waiting", gate.n_waiting(), "broken", gate.broken());
    };

    run(main());
}

SCENARIO(S143_the_next_round) {
    auto main = []() -> coroutine<> {
        barrier gate(2);
        strings order;

        auto worker = [&]() -> coroutine<> {
            for (const char* round : {"round 1", "round 2"}) {
                co_await gate.wait();
                order.push_back(round);
            }
        };

        auto a = create_task(worker());
        auto b = create_task(worker());
        co_await a;
        co_await b;
        say(order);
    };

    run(main());
}

SCENARIO(S143_cancelling_one_waiter_does_not_break_it) {
    auto main = []() -> coroutine<> {
        barrier gate(2);

        auto worker = [&]() -> coroutine<std::string> {
            co_await gate.wait();
            co_return "passed";
        };

        auto a = create_task(worker());
        co_await settle();
        a.cancel();
        const std::string first = co_await outcome_of(a);
        say("a:", first, "waiting", gate.n_waiting(), "broken", gate.broken());
        auto b = create_task(worker());
        auto c = create_task(worker());
        const std::string second = co_await outcome_of(b);
        say("b:", second, "c:", co_await outcome_of(c));
    };

    run(main());
}

SCENARIO(S143_reset_and_abort) {
    auto main = []() -> coroutine<> {
        barrier gate(2);

        auto worker = [&]() -> coroutine<std::string> {
            co_await gate.wait();
            co_return "passed";
        };

        auto a = create_task(worker());
        co_await settle();
        co_await gate.reset();
        const std::string first = co_await outcome_of(a);
        say("reset:", first, "broken", gate.broken());
        auto b = create_task(worker());
        co_await settle();
        co_await gate.abort();
        const std::string second = co_await outcome_of(b);
        say("abort:", second, "broken", gate.broken());
        say("wait:", co_await outcome_of(worker()));
        co_await gate.reset();
        say("after a reset, broken", gate.broken());
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
