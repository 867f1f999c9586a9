// wait_for: a deadline around one awaitable; nothing that was finished in time is lost.
#include <thread>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<> sleeps() { co_await sleep(1h); }

SCENARIO(S91_a_done_future_with_no_time_left) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<int>();
        f.set_result(42);
        say("timeout 0:", co_await outcome_of(wait_for(f, 0s)));
        say("timeout -1:", co_await outcome_of(wait_for(f, -1s)));
    };

    run(main());
}

SCENARIO(S91_a_coroutine_with_no_time_left) {
    auto main = []() -> coroutine<> {
        strings started;

        auto worker = [&]() -> coroutine<> {
            started.push_back("started");
            co_return;
        };

        say("timeout 0:", co_await outcome_of(wait_for(worker(), 0s)));
        say("timeout -1:", co_await outcome_of(wait_for(worker(), -1s)));
        say("body", started);
    };

    run(main());
}

SCENARIO(S91_in_time_and_without_a_limit) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            co_await turns(2);
            co_return 42;
        };

        auto fail = []() -> coroutine<> {
            co_await turns(2);
            throw boom("x");
        };

        say("in time:", co_await outcome_of(wait_for(worker(), 1h)));
        say("no limit:", co_await outcome_of(wait_for(worker(), std::nullopt)));
        say("an error:", co_await outcome_of(wait_for(fail(), 1h)));
    };

    run(main());
}

SCENARIO(S92_it_waits_for_the_end_of_the_cancelled) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&]() -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            order.push_back("cleaning up");
            co_await sleep(3ms);
            order.push_back("cleaned up");
            slept.value();
        };

        order.push_back(co_await outcome_of(wait_for(worker(), 1ms)));
        say(order);
    };

    run(main());
}

SCENARIO(S92_also_with_timeout_0) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&]() -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            order.push_back("cleaning up");
            co_await sleep(1ms);
            order.push_back("cleaned up");
            slept.value();
        };

        auto t = create_task(worker());
        co_await turns(1);
        order.push_back(co_await outcome_of(wait_for(t, 0s)));
        say(order);
        say("task cancelled", t.cancelled());
    };

    run(main());
}

SCENARIO(S93_the_cancel_is_refused) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<std::string> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
            }
            co_return "a value all the same";
        };

        say("wait_for:", co_await outcome_of(wait_for(worker(), 1ms)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S94_an_error_during_the_cancel) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        say("wait_for:", co_await outcome_of(wait_for(worker(), 1ms)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S95_cancelling_wait_for) {
    auto main = []() -> coroutine<> {
        auto cancelled = [](delay timeout) -> coroutine<> {
            strings order;
            auto release = get_running_loop().create_future();

            auto worker = [&]() -> coroutine<> {
                auto slept = co_await as_outcome(sleeps());
                order.push_back("cleaning up");
                co_await release;
                order.push_back("cleaned up");
                slept.value();
            };

            auto waiter = [&]() -> coroutine<> { co_await wait_for(worker(), timeout); };

            auto t = create_task(waiter());
            co_await settle();
            t.cancel();
            co_await settle();
            say("waiter done", t.done(), order);
            release.set_result();
            const std::string ended = co_await outcome_of(t);
            say("waiter:", ended, order);
        };

        say("with a timeout");
        co_await cancelled(1h);
        say("without");
        co_await cancelled(std::nullopt);
    };

    run(main());
}

SCENARIO(S95_cancelling_wait_for_a_task) {
    auto main = []() -> coroutine<> {
        auto inner = create_task(sleeps());

        auto waiter = [&]() -> coroutine<> { co_await wait_for(inner, 1h); };

        auto t = create_task(waiter());
        co_await settle();
        t.cancel();
        say("waiter:", co_await outcome_of(t));
        say("inner:", state(inner));
    };

    run(main());
}

SCENARIO(S96_the_inner_completes_and_the_outer_is_cancelled) {
    auto main = []() -> coroutine<> {
        auto inner = []() -> coroutine<std::string> { co_return "done"; };

        auto i = create_task(inner());
        strings reached_the_end;

        auto waiter = [&]() -> coroutine<> {
            co_await wait_for(i, 1h);
            co_await sleep(1s);
            reached_the_end.push_back("yes");
        };

        auto t = create_task(waiter());
        co_await turns(1);
        t.cancel();
        say("waiter:", co_await outcome_of(t));
        say("inner:", co_await outcome_of(i));
        say("reached the end", reached_the_end);
    };

    run(main());
}

SCENARIO(S97_the_result_and_the_timeout_in_one_turn) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.create_future<std::string>();
        strings seen;

        auto waiter = [&]() -> coroutine<> {
            loop.call_later(1ms, [&] { f.set_result("value"); });
            seen.push_back(co_await outcome_of(wait_for(f, 2ms)));
            seen.push_back(co_await outcome_of(sleep(0s, "slept")));
        };

        auto t = create_task(waiter());
        co_await turns(1);
        std::this_thread::sleep_for(5ms);  // both timers are due now
        co_await t;
        say_differs("wait_for:", seen[0], "the result wins");
        say("the next await:", seen[1]);
        say("cancelling", t.cancelling(), "cancelled", t.cancelled());
    };

    run(main());
}

SCENARIO(S98_in_the_task_of_the_caller) {
    auto main = []() -> coroutine<> {
        const auto caller = current_task();

        auto worker = [&]() -> coroutine<bool> { co_return current_task() == caller; };

        say("the same task:", co_await wait_for(worker(), 1h));
    };

    run(main());
}

SCENARIO(S99_a_shield_around_the_task) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future<int>();

        auto worker = [&]() -> coroutine<int> { co_return co_await release; };

        auto t = create_task(worker());
        say("timeout 0:", co_await outcome_of(wait_for(shield(t), 0s)));
        say("timeout 1 ms:", co_await outcome_of(wait_for(shield(t), 1ms)));
        say("task:", state(t), "cancelling", t.cancelling());
        release.set_result(42);
        say("task:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S100_a_condition_is_held_again_before_the_timeout_is_raised) {
    auto main = []() -> coroutine<> {
        condition changed;
        co_await changed.acquire();
        say("wait:", co_await outcome_of(wait_for(changed.wait(), 1ms)));
        say("locked", changed.locked());
        changed.release();
        say("locked", changed.locked());
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
