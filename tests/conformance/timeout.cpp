// timeout: a deadline around a block, nested, moved, and in every order with a cancel from outside.
#include <thread>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<> sleeps() { co_await sleep(1h); }

SCENARIO(S101_nested_with_the_same_deadline) {
    auto main = []() -> coroutine<> {
        const time_point when = get_running_loop().time() + 1ms;

        auto outer = [&](timeout& o) -> coroutine<> {
            auto inner = [&](timeout& i) -> coroutine<> {
                const finally note(
                    [&] { say("inner expired", i.expired(), "outer expired", o.expired()); });
                co_await sleeps();
            };

            try {
                co_await with(timeout_at(when), inner);
            } catch (const timeout_error&) {
                say("the inner raised");
            }
        };

        say("outer:", co_await outcome_of(with(timeout_at(when), outer)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S101_the_inner_deadline_first) {
    auto main = []() -> coroutine<> {
        timeout o(1h);

        auto outer = [&]() -> coroutine<> {
            say("inner:", co_await outcome_of(with(timeout(1ms), sleeps)));
            co_await sleep(0s);
        };

        co_await with(o, outer);
        say("outer expired", o.expired());
    };

    run(main());
}

SCENARIO(S101_the_outer_deadline_first) {
    auto main = []() -> coroutine<> {
        auto inner = [](timeout& i) -> coroutine<> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
                say("inner: cancelled_error, expired", i.expired());
                throw;
            }
        };

        auto outer = [&]() -> coroutine<> { co_await with(timeout(1h), inner); };

        say("outer:", co_await outcome_of(with(timeout(1ms), outer)));
    };

    run(main());
}

SCENARIO(S102_a_cancel_before_the_deadline) {
    auto main = []() -> coroutine<> {
        auto body = [](timeout& scope) -> coroutine<> {
            const finally note([&] { say("expired", scope.expired()); });
            co_await sleeps();
        };

        auto t = create_task(with(timeout(1h), body));
        co_await turns(1);
        t.cancel();
        say("worker:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S102_a_cancel_and_the_deadline_in_one_turn) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto body = [](timeout& scope) -> coroutine<> {
            const finally note([&] { say("expired", scope.expired()); });
            co_await sleeps();
        };

        auto t = create_task(with(timeout(1ms), body));
        loop.call_later(1ms, [&] { t.cancel(); });
        co_await turns(1);
        std::this_thread::sleep_for(4ms);  // both timers are due now
        say("worker:", co_await outcome_of(t));
        say("cancelled", t.cancelled(), "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S103_in_the_cleanup_of_a_cancelled_task) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            say("cleanup:", co_await outcome_of(with(timeout(0s), sleeps)));
            say("cancelling", current_task().cancelling());
            slept.value();
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("worker:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S104_another_exception_passes) {
    auto main = []() -> coroutine<> {
        auto in_time = []() -> coroutine<> {
            throw boom("in time");
            co_return;
        };

        auto on_timeout = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
                throw boom("on timeout");
            }
        };

        say("before the deadline:", co_await outcome_of(with(timeout(1h), in_time)));
        say("in the cleanup:", co_await outcome_of(with(timeout(1ms), on_timeout)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S105_a_body_that_does_not_await_after_the_deadline) {
    auto main = []() -> coroutine<> {
        auto busy = []() -> coroutine<std::string> {
            timeout scope(1ms);
            auto body = []() -> coroutine<> {
                std::this_thread::sleep_for(3ms);
                co_return;
            };
            co_await with(scope, body);
            say("expired", scope.expired());
            co_return "no timeout";
        };

        say(co_await outcome_of(busy()));
    };

    run(main());
}

SCENARIO(S105_one_sleep_0_after_a_missed_deadline) {
    auto main = []() -> coroutine<> {
        auto busy = []() -> coroutine<std::string> {
            timeout scope(1ms);
            auto body = []() -> coroutine<> {
                std::this_thread::sleep_for(3ms);
                co_await sleep(0s);
            };
            co_await with(scope, body);
            say("expired", scope.expired());
            co_return "no timeout";
        };

        say(co_await outcome_of(busy()));
    };

    run(main());
}

SCENARIO(S105_no_time_at_all) {
    auto main = []() -> coroutine<> {
        auto work = [](delay limit, delay pause) -> coroutine<std::string> {
            auto body = [&]() -> coroutine<> { co_await sleep(pause); };
            co_await with(timeout(limit), body);
            co_return "no timeout";
        };

        auto idle = [](delay limit) -> coroutine<std::string> {
            auto body = []() -> coroutine<> { co_return; };
            co_await with(timeout(limit), body);
            co_return "no timeout";
        };

        say("timeout(0), sleep(0):", co_await outcome_of(work(0s, 0s)));
        say("timeout(0), sleep(1 h):", co_await outcome_of(work(0s, 1h)));
        say("timeout(-1), sleep(0):", co_await outcome_of(work(-1s, 0s)));
        say("timeout(0), no await:", co_await outcome_of(idle(0s)));
    };

    run(main());
}

SCENARIO(S106_the_cancel_is_swallowed_in_the_body) {
    auto main = []() -> coroutine<> {
        auto work = []() -> coroutine<std::string> {
            timeout scope(1ms);
            auto body = []() -> coroutine<> {
                try {
                    co_await sleeps();
                } catch (const cancelled_error&) {
                }
            };
            co_await with(scope, body);
            say("expired", scope.expired());
            co_return "no timeout";
        };

        say(co_await outcome_of(work()));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S107_a_handled_timeout_does_not_cancel_the_task) {
    auto main = []() -> coroutine<> {
        auto work = []() -> coroutine<std::string> {
            try {
                co_await with(timeout(1ms), sleeps);
            } catch (const timeout_error&) {
                co_return "handled";
            }
            co_return "no timeout";
        };

        auto t = create_task(work());
        say(co_await outcome_of(t));
        say("cancelled", t.cancelled(), "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S108_the_deadline_moves) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto later = [&](timeout& scope) -> coroutine<std::string> {
            scope.reschedule(loop.time() + 1h);
            co_await sleep(3ms);
            co_return "no timeout";
        };

        auto earlier = [&](timeout& scope) -> coroutine<> {
            scope.reschedule(loop.time() + 1ms);
            co_await sleeps();
        };

        auto never = [](timeout& scope) -> coroutine<std::string> {
            scope.reschedule(std::nullopt);
            say("a deadline", scope.when().has_value());
            co_await sleep(3ms);
            co_return "no timeout";
        };

        auto into_the_past = [&](timeout& scope) -> coroutine<> {
            scope.reschedule(loop.time() - 1s);
            co_await sleeps();
        };

        auto no_deadline = [](timeout& scope) -> coroutine<std::string> {
            say("a deadline", scope.when().has_value());
            co_await sleep(0s);
            co_return "no timeout";
        };

        say("later:", co_await outcome_of(with(timeout(1ms), later)));
        say("earlier:", co_await outcome_of(with(timeout(1h), earlier)));
        say("never:", co_await outcome_of(with(timeout(1ms), never)));
        say("into the past:", co_await outcome_of(with(timeout(1h), into_the_past)));
        say("no deadline:", co_await outcome_of(with(timeout(std::nullopt), no_deadline)));
    };

    run(main());
}

SCENARIO(S108_when_it_is_too_late_to_move) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto reschedule = [&](timeout& scope) {
            return attempt([&] { scope.reschedule(loop.time() + 1h); });
        };

        timeout scope(1h);
        say("before it is entered:", reschedule(scope));

        auto nothing = []() -> coroutine<> { co_return; };

        co_await with(scope, nothing);
        say("after its end:", reschedule(scope));

        auto expiring = [&](timeout& limit) -> coroutine<> {
            const finally note([&] { say("while it expires:", reschedule(limit)); });
            co_await sleeps();
        };

        say(co_await outcome_of(with(timeout(1ms), expiring)));
    };

    run(main());
}

SCENARIO(S109_busy_past_the_outer_deadline) {
    auto main = []() -> coroutine<> {
        auto outer = []() -> coroutine<> {
            say("inner:", co_await outcome_of(with(timeout(1ms), sleeps)));
            std::this_thread::sleep_for(60ms);
            say("still running");
            co_await sleeps();
        };

        say("outer:", co_await outcome_of(with(timeout(50ms), outer)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S109_busy_past_both_deadlines) {
    auto main = []() -> coroutine<> {
        auto inner = []() -> coroutine<> {
            std::this_thread::sleep_for(6ms);
            co_await sleeps();
        };

        auto outer = [&]() -> coroutine<> {
            try {
                co_await with(timeout(1ms), inner);
            } catch (const timeout_error&) {
                say("the inner raised");
            }
            co_await sleeps();
        };

        say("outer:", co_await outcome_of(with(timeout(2ms), outer)));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S110_used_once) {
    auto main = []() -> coroutine<> {
        timeout scope(1h);

        auto use = []() -> coroutine<std::string> { co_return "entered"; };

        say("first:", co_await outcome_of(with(scope, use)));
        say("second:", co_await outcome_of(with(scope, use)));
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
