// gather: results in the order of the arguments, the first error at once, cancels for everybody.
#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<int> fails(std::string name, int after = 0) {
    co_await turns(after);
    throw boom(name);
}

static coroutine<int> returns(int value, int after = 0) {
    co_await turns(after);
    co_return value;
}

static coroutine<int> sleeps() {
    co_await sleep(1h);
    co_return 0;
}

SCENARIO(S72_results_in_the_order_of_the_arguments) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&](std::string name, int after) -> coroutine<std::string> {
            co_await turns(after);
            order.push_back(name);
            co_return name;
        };

        say("results", co_await gather(worker("a", 5), worker("b", 3), worker("c", 0)));
        say("finished", order);
    };

    run(main());
}

SCENARIO(S72_futures_tasks_and_coroutines) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<int>();
        f.set_result(1);
        auto t = create_task(returns(2));
        say("results", co_await gather(f, t, returns(3)));
    };

    run(main());
}

SCENARIO(S73_the_first_exception_at_once) {
    auto main = []() -> coroutine<> {
        strings order;

        auto slow = [&]() -> coroutine<> {
            co_await turns(20);
            order.push_back("slow went on to its end");
        };

        auto t = create_task(slow());
        say("gather:", co_await outcome_of(gather(t, fails("x", 2), returns(1))));
        say("slow done", t.done());
        co_await t;
        say(order);
    };

    run(main());
}

SCENARIO(S74_later_exceptions_are_not_reported) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());
        say("gather:", co_await outcome_of(gather(fails("first"), fails("second", 5))));
        co_await settle();
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S75_exceptions_and_cancellations_in_place) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<int>();
        f.cancel();
        say("results",
            co_await gather(return_exceptions, returns(1, 3), fails("x"), f, returns(4)));
    };

    run(main());
}

SCENARIO(S76_a_child_is_cancelled) {
    auto main = []() -> coroutine<> {
        auto child = create_task(sleeps());
        auto g = ensure_future(gather(returns(1), child));
        co_await settle();
        child.cancel();
        co_await settle();
        say("gather done", g.done(), "cancelled", g.cancelled());
        say("await:", co_await outcome_of(g));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

SCENARIO(S77_cancel_reaches_every_child_and_waits_for_them) {
    auto main = []() -> coroutine<> {
        strings order;
        auto release = get_running_loop().create_future();

        auto worker = [&](std::string name) -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            order.push_back(name + " cancelled");
            co_await release;
            order.push_back(name + " cleaned up");
            slept.value();
        };

        auto parent = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("gather ended"); });
            co_await gather(worker("a"), worker("b"));
        };

        auto p = create_task(parent());
        co_await settle();
        p.cancel();
        co_await settle();
        say(order);
        release.set_result();
        say("parent:", co_await outcome_of(p));
        say(order);
    };

    run(main());
}

SCENARIO(S77_even_with_return_exceptions) {
    auto main = []() -> coroutine<> {
        auto parent = []() -> coroutine<> {
            co_await gather(return_exceptions, sleeps(), returns(1));
        };

        auto p = create_task(parent());
        co_await settle();
        p.cancel();
        say("parent:", co_await outcome_of(p));
    };

    run(main());
}

SCENARIO(S77_even_if_the_children_refuse) {
    auto main = []() -> coroutine<> {
        auto stubborn = []() -> coroutine<std::string> {
            try {
                co_await sleeps();
            } catch (const cancelled_error&) {
            }
            co_return "survived";
        };

        auto t = create_task(stubborn());

        auto parent = [&]() -> coroutine<> { co_await gather(t, stubborn()); };

        auto p = create_task(parent());
        co_await settle();
        p.cancel();
        say("parent:", co_await outcome_of(p));
        say("child:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S78_cancel_once_all_children_are_done) {
    auto main = []() -> coroutine<> {
        auto a = get_running_loop().create_future<int>();
        auto b = get_running_loop().create_future<int>();
        auto g = ensure_future(gather(a, b));
        co_await settle();
        a.set_result(1);
        b.set_result(2);
        say("children done: cancel", g.cancel());
        say("await:", co_await outcome_of(g));
        say("gather done: cancel", g.cancel());
    };

    run(main());
}

SCENARIO(S79_the_same_awaitable_twice) {
    auto main = []() -> coroutine<> {
        strings runs;

        auto worker = [&](std::string name) -> coroutine<std::string> {
            runs.push_back(name);
            co_return name;
        };

        auto a = create_task(worker("a"));
        auto b = create_task(worker("b"));
        say("results", co_await gather(a, b, a, a));
        say("ran", runs);
    };

    run(main());
}

SCENARIO(S80_nothing_to_gather) {
    auto main = []() -> coroutine<> {
        std::vector<coroutine<int>> nothing;
        say("results", co_await gather(std::move(nothing)));
    };

    run(main());
}

SCENARIO(S80_futures_of_two_loops) {
    auto main = []() -> coroutine<> {
        auto other = new_event_loop();
        auto a = get_running_loop().create_future<int>();
        auto b = other->create_future<int>();

        auto mixed = [&]() -> coroutine<> { co_await gather(a, b); };

        say("gather:", co_await outcome_of(mixed()));
        other->close();
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
