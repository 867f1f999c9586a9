// Cancelling tasks: requests are counted, delivered once at an await, and may be refused.
#include <memory>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<> sleeps() { co_await sleep(1h); }

SCENARIO(S43_cancelled_before_its_first_step) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&](std::shared_ptr<int>) -> coroutine<> {
            const finally cleanup([&] { order.push_back("finally"); });
            order.push_back("body");
            co_return;
        };

        auto argument = std::make_shared<int>(1);
        const std::weak_ptr<int> alive = argument;
        auto t = create_task(worker(argument));
        argument.reset();
        say("cancel", t.cancel());
        say("await:", co_await outcome_of(t));
        say("ran", order);
        say("cancelled", t.cancelled());
        t = {};
        co_await turns(1);
        say("argument released", alive.expired());
    };

    run(main());
}

SCENARIO(S44_requests_are_counted) {
    auto main = []() -> coroutine<> {
        auto t = create_task(sleeps());
        co_await turns(1);
        say("cancelling", t.cancelling());
        for (int i = 0; i < 2; ++i) {
            const bool accepted = t.cancel();
            say("cancel", accepted, "cancelling", t.cancelling());
        }
        co_await outcome_of(t);
        const bool accepted = t.cancel();
        say("done", t.done(), "cancel", accepted, "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S44_cancel_on_a_finished_task) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> { co_return 42; };

        auto t = create_task(worker());
        co_await t;
        const bool accepted = t.cancel();
        say("cancel", accepted, "cancelling", t.cancelling());
        say(state(t));
    };

    run(main());
}

SCENARIO(S45_cancelled_is_true_only_at_the_end) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future();

        auto worker = [&]() -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            co_await release;
            slept.value();
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("requested: cancelled", t.cancelled(), "done", t.done());
        co_await settle();
        say("cleaning up: cancelled", t.cancelled(), "done", t.done());
        release.set_result();
        co_await settle();
        say("ended: cancelled", t.cancelled(), "done", t.done());
    };

    run(main());
}

SCENARIO(S46_cancel_reaches_the_leaf_at_once) {
    auto main = []() -> coroutine<> {
        auto leaf = get_running_loop().create_future();

        auto inner = [&]() -> coroutine<> { co_await leaf; };

        auto child = [&]() -> coroutine<> { co_await create_task(inner()); };

        auto outer = [&]() -> coroutine<> { co_await child(); };

        auto t = create_task(outer());
        co_await settle();
        say("cancel", t.cancel());
        say("leaf cancelled", leaf.cancelled(), "task done", t.done());
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S46_the_exception_passes_through_the_frames_from_the_inside_out) {
    auto main = []() -> coroutine<> {
        strings order;

        auto child = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("child"); });
            co_await sleeps();
        };

        auto parent = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("parent"); });
            co_await child();
        };

        auto t = create_task(parent());
        co_await settle();
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("cleaned up", order);
    };

    run(main());
}

SCENARIO(S47_catching_ordinary_exceptions_does_not_catch_a_cancel) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&]() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (const std::exception&) {
                order.push_back("swallowed");
            }
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("handler ran", order);
    };

    run(main());
}

SCENARIO(S48_a_task_may_refuse_to_die) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
                co_return 42;
            }
            co_return 0;
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("cancelled", t.cancelled(), "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S48_one_request_is_one_throw) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<std::string> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
            }
            co_await sleep(0s);
            co_await sleep(1ms);
            co_return "went on";
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S48_an_exception_during_the_cleanup_replaces_the_cancel) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("cancelled", t.cancelled());
    };

    run(main());
}

SCENARIO(S49_two_cancels_in_one_turn) {
    auto main = []() -> coroutine<> {
        strings caught;

        auto worker = [&]() -> coroutine<> {
            for (int i = 0; i < 3; ++i) {
                try {
                    co_await sleep(1ms);
                } catch (const cancelled_error&) {
                    caught.push_back("cancelled_error");
                }
            }
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        t.cancel();
        say("cancelling", t.cancelling());
        say("await:", co_await outcome_of(t));
        say("caught", caught);
    };

    run(main());
}

SCENARIO(S50_a_task_that_cancels_itself) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&]() -> coroutine<> {
            current_task().cancel();
            order.push_back("goes on");
            const finally cleanup([&] { order.push_back("next await threw"); });
            co_await sleeps();
        };

        auto t = create_task(worker());
        say("await:", co_await outcome_of(t));
        say("ran", order);
    };

    run(main());
}

SCENARIO(S51_cancelled_at_the_end) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            current_task().cancel();
            co_return 42;
        };

        auto t = create_task(worker());
        say("await:", co_await outcome_of(t));
        say("cancelled", t.cancelled());
    };

    run(main());
}

SCENARIO(S52_uncancel_takes_the_request_back) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            const auto self = current_task();
            self.cancel();
            say("cancelling", self.cancelling());
            say("uncancel", self.uncancel());
            co_await sleep(0s);
            co_return 42;
        };

        auto t = create_task(worker());
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S52_one_of_two_requests_taken_back) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            const auto self = current_task();
            self.cancel();
            self.cancel();
            say("uncancel", self.uncancel());
            co_await sleep(0s);
            co_return 42;
        };

        auto t = create_task(worker());
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S53_uncancel_after_the_end) {
    auto main = []() -> coroutine<> {
        auto t = create_task(sleeps());
        co_await turns(1);
        t.cancel();
        co_await outcome_of(t);
        const auto first = t.uncancel();
        say("uncancel", first, "again", t.uncancel());
        say("cancelled", t.cancelled(), "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S54_cancelling_the_inner_future) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future();

        auto worker = [&]() -> coroutine<> { co_await f; };

        auto t = create_task(worker());
        co_await turns(1);
        f.cancel();
        say("await:", co_await outcome_of(t));
        say("cancelled", t.cancelled(), "cancelling", t.cancelling());
    };

    run(main());
}

SCENARIO(S55_a_cancel_after_the_awaited_future_is_done) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<std::string>();
        strings seen;

        auto worker = [&]() -> coroutine<> {
            seen.push_back(co_await outcome_of(f));
            seen.push_back(co_await outcome_of(sleep(0s, "slept")));
        };

        auto t = create_task(worker());
        co_await turns(1);
        f.set_result("value");
        say("cancel", t.cancel());
        co_await t;
        const char* why = "no value is lost, the cancel is thrown at the next suspension";
        say_differs("the await:", seen[0], why);
        say_differs("the next await:", seen[1], why);
    };

    run(main());
}

SCENARIO(S55_a_cancel_after_the_awaited_task_is_done) {
    auto main = []() -> coroutine<> {
        strings seen;

        auto child = []() -> coroutine<std::string> {
            co_await sleep(0s);
            co_return "value";
        };

        auto c = create_task(child());

        auto worker = [&]() -> coroutine<> {
            seen.push_back(co_await outcome_of(c));
            seen.push_back(co_await outcome_of(sleep(0s, "slept")));
        };

        auto t = create_task(worker());
        c.add_done_callback([&](future<std::string>) { t.cancel(); });
        co_await t;
        const char* why = "no value is lost, the cancel is thrown at the next suspension";
        say_differs("the await:", seen[0], why);
        say_differs("the next await:", seen[1], why);
    };

    run(main());
}

SCENARIO(S55_the_value_was_the_last_thing_the_task_waited_for) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<std::string>();

        auto worker = [&]() -> coroutine<std::string> { co_return co_await f; };

        auto t = create_task(worker());
        co_await turns(1);
        f.set_result("value");
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("the future has", state(f));
    };

    run(main());
}

SCENARIO(S56_cancelling_one_of_two_who_await_a_task) {
    auto main = []() -> coroutine<> {
        auto s = create_task(sleeps());

        auto waiter = [&]() -> coroutine<> { co_await s; };

        auto a = create_task(waiter());
        auto b = create_task(waiter());
        co_await settle();
        a.cancel();
        say("a:", co_await outcome_of(a));
        say("shared:", co_await outcome_of(s));
        say("b:", co_await outcome_of(b));
    };

    run(main());
}

SCENARIO(S57_the_message_arrives) {
    auto main = []() -> coroutine<> {
        auto message = [](auto f) -> std::string {
            try {
                (void)f();
            } catch (const cancelled_error& e) {
                return std::string(e.message());
            }
            return "nothing";
        };

        auto worker = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (const cancelled_error& e) {
                say("in the task:", e.message());
                throw;
            }
        };

        auto cancelled_task = [&]() -> coroutine<task<>> {
            auto t = create_task(worker());
            co_await turns(1);
            t.cancel("enough");
            const std::vector<task<>> tasks{t};
            co_await wait(tasks);
            co_return t;
        };

        auto t = co_await cancelled_task();
        try {
            co_await t;
        } catch (const cancelled_error& e) {
            say("in the await:", e.message());
        }
        t = co_await cancelled_task();
        say("in result():", message([&] { t.result(); }));
        t = co_await cancelled_task();
        say("in exception():", message([&] { return t.exception(); }));

        auto f = get_running_loop().create_future();
        f.cancel("no more");
        say("of a future, in result():", message([&] { f.result(); }));
    };

    run(main());
}

SCENARIO(S58_a_system_exit_while_a_cancel_is_handled) {
    auto loop = new_event_loop();

    auto worker = []() -> coroutine<> {
        try {
            co_await sleeps();
        } catch (...) {
            throw system_exit(3);
        }
    };

    auto t = loop->create_task(worker());
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
    t.cancel();
    say("the loop:", attempt([&] { loop->run_forever(); }));
    say("the task: cancelled", t.cancelled(), state(t));
    loop->close();
}

int main(int argc, char** argv) { return play(argc, argv); }
