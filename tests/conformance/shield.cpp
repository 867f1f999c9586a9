// shield: cancelling the shield leaves the shielded alone.
#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S88_cancelling_the_outer_leaves_the_inner) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future<int>();

        auto worker = [&]() -> coroutine<int> { co_return co_await release; };

        auto inner = create_task(worker());
        auto outer = shield(inner);
        co_await turns(1);
        say("cancel", outer.cancel());
        say("outer:", co_await outcome_of(outer));
        say("inner:", state(inner), "cancelling", inner.cancelling());
        release.set_result(42);
        say("inner:", co_await outcome_of(inner));
    };

    run(main());
}

SCENARIO(S88_cancelling_the_task_that_awaits_the_shield) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future<int>();

        auto worker = [&]() -> coroutine<int> { co_return co_await release; };

        auto inner = create_task(worker());

        auto waiter = [&]() -> coroutine<int> { co_return co_await shield(inner); };

        auto t = create_task(waiter());
        co_await settle();
        t.cancel();
        say("waiter:", co_await outcome_of(t));
        say("inner:", state(inner), "cancelling", inner.cancelling());
        release.set_result(42);
        say("inner:", co_await outcome_of(inner));
    };

    run(main());
}

SCENARIO(S88_the_value_passes) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            co_await turns(2);
            co_return 42;
        };

        auto fail = []() -> coroutine<> {
            co_await turns(2);
            throw boom("x");
        };

        say("shield:", co_await outcome_of(shield(worker())));
        say("shield:", co_await outcome_of(shield(fail())));
    };

    run(main());
}

SCENARIO(S88_it_takes_longer_than_expected) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future<std::string>();

        auto download = [&]() -> coroutine<std::string> { co_return co_await release; };

        auto t = create_task(download());
        bool late = false;
        try {
            say(co_await wait_for(shield(t), 1ms));
        } catch (const timeout_error&) {
            say("it takes longer than expected");
            late = true;
        }
        if (late) {
            release.set_result("the file");
            say(co_await t);
        }
    };

    run(main());
}

SCENARIO(S89_cancelling_the_inner_cancels_the_outer) {
    auto main = []() -> coroutine<> {
        auto inner = get_running_loop().create_future<int>();
        auto outer = shield(inner);
        inner.cancel();
        say("outer:", co_await outcome_of(outer));
        say("outer cancelled", outer.cancelled());
    };

    run(main());
}

SCENARIO(S89_a_done_inner_is_returned_directly) {
    auto main = []() -> coroutine<> {
        strings order;
        auto inner = get_running_loop().create_future<int>();
        inner.set_result(42);
        get_running_loop().call_soon([&] { order.push_back("another turn"); });
        say("shield:", co_await outcome_of(shield(inner)));
        say("others ran", order);
        co_await turns(1);
    };

    run(main());
}

SCENARIO(S89_gather_of_shields) {
    auto main = []() -> coroutine<> {
        auto a = get_running_loop().create_future<int>();
        auto b = get_running_loop().create_future<int>();

        auto parent = [&]() -> coroutine<> { co_await gather(shield(a), shield(b)); };

        auto p = create_task(parent());
        co_await settle();
        p.cancel();
        say("parent:", co_await outcome_of(p));
        say("inner:", state(a), state(b));
        a.set_result(1);
        b.set_result(2);
        say("gather:", co_await gather(shield(a), shield(b)));
    };

    run(main());
}

SCENARIO(S89_shield_of_a_gather) {
    auto main = []() -> coroutine<> {
        auto a = get_running_loop().create_future<int>();
        auto b = get_running_loop().create_future<int>();

        auto parent = [&]() -> coroutine<> { co_await shield(gather(a, b)); };

        auto p = create_task(parent());
        co_await settle();
        p.cancel();
        say("parent:", co_await outcome_of(p));
        say("inner:", state(a), state(b));
        a.set_result(1);
        b.set_result(2);
        co_await settle();
    };

    run(main());
}

SCENARIO(S90_an_exception_after_the_outer_was_cancelled) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());
        auto inner = get_running_loop().create_future<int>();
        auto outer = shield(inner);
        co_await turns(1);
        outer.cancel();
        co_await settle();
        inner.set_exception(boom("too late"));
        co_await settle();
        say_differs("while somebody holds it:", seen,
                    "reported when the last handle dies (CPython 3.13); 3.14 reports at once");
        inner = {};
        say("after that:", seen);
    };

    run(main());
}

SCENARIO(S90_an_exception_that_somebody_looks_at_later) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());
        auto inner = get_running_loop().create_future<int>();
        auto outer = shield(inner);
        co_await turns(1);
        outer.cancel();
        co_await settle();
        inner.set_exception(boom("too late"));
        co_await settle();
        say("inner:", co_await outcome_of(inner));
        inner = {};
        say_differs("reported:", seen,
                    "somebody looked at it (CPython 3.13); 3.14 reports at once");
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
