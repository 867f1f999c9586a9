// Futures: set once, callbacks through the loop, reports of exceptions nobody looked at.
#include "asyncio/asyncio.hpp"

#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S31_set_once) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.create_future<int>();
        say("done", f.done(), "cancelled", f.cancelled());
        say("result too early:", attempt([&] { return f.result(); }));
        say("exception too early:", attempt([&] { return f.exception(); }));
        f.set_result(42);
        say("done", f.done(), "cancelled", f.cancelled());
        say("result", attempt([&] { return f.result(); }), "and again",
            attempt([&] { return f.result(); }));
        say("exception", attempt([&] { return f.exception(); }));
        say("set_result on done:", attempt([&] { f.set_result(43); }));
        say("set_exception on done:", attempt([&] { f.set_exception(boom("late")); }));
        say("cancel on done:", f.cancel());
        say("still", f.result());
        co_return;
    };

    run(main());
}

SCENARIO(S31_failed) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<int>();
        f.set_exception(boom("x"));
        say("done", f.done(), "cancelled", f.cancelled());
        say("result:", attempt([&] { return f.result(); }));
        say("exception:", f.exception());
        say("set_result on failed:", attempt([&] { f.set_result(1); }));
        say("cancel on failed:", f.cancel());
        co_return;
    };

    run(main());
}

SCENARIO(S31_cancelled) {
    auto main = []() -> coroutine<> {
        auto f = get_running_loop().create_future<int>();
        const bool first = f.cancel();
        say("cancel", first, "again", f.cancel());
        say("done", f.done(), "cancelled", f.cancelled());
        say("result:", attempt([&] { return f.result(); }));
        say("exception:", attempt([&] { return f.exception(); }));
        say("set_result on cancelled:", attempt([&] { f.set_result(1); }));
        say("await:", co_await outcome_of(f));
    };

    run(main());
}

SCENARIO(S32_callbacks_are_scheduled_in_order) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        auto f = loop.create_future<int>();
        f.add_done_callback([&](future<int>) { order.push_back("first"); });
        f.add_done_callback([&](future<int>) { order.push_back("second"); });
        loop.call_soon([&] { order.push_back("before"); });
        f.set_result(1);
        loop.call_soon([&] { order.push_back("after"); });
        say("at once", order);
        co_await turns(1);
        say("one turn later", order);
    };

    run(main());
}

SCENARIO(S32_callback_added_to_a_done_future) {
    auto main = []() -> coroutine<> {
        std::vector<int> order;
        auto f = get_running_loop().create_future<int>();
        f.set_result(7);
        f.add_done_callback([&](future<int> done) { order.push_back(done.result()); });
        say("at once", order);
        co_await turns(1);
        say("one turn later", order);
    };

    run(main());
}

SCENARIO(S32_cancel_also_schedules_the_callbacks) {
    auto main = []() -> coroutine<> {
        strings order;
        auto f = get_running_loop().create_future<int>();
        f.add_done_callback([&](future<int> done) { order.push_back(state(done)); });
        f.cancel();
        say("at once", order);
        co_await turns(1);
        say("one turn later", order);
    };

    run(main());
}

SCENARIO(S33_remove_done_callback) {
    auto main = []() -> coroutine<> {
        strings order;
        auto f = get_running_loop().create_future<int>();
        const auto a = f.add_done_callback([&](future<int>) { order.push_back("a"); });
        const auto b = f.add_done_callback([&](future<int>) { order.push_back("b"); });
        say("removed", f.remove_done_callback(a));
        say("removed again", f.remove_done_callback(a));
        f.set_result(1);
        say("too late", f.remove_done_callback(b));
        co_await turns(1);
        say("ran", order);
    };

    run(main());
}

SCENARIO(S33_a_callback_changes_the_list) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        auto f = loop.create_future<int>();
        std::uint64_t second = 0;

        f.add_done_callback([&](future<int> done) {
            order.push_back("first");
            order.push_back("removed " + text(done.remove_done_callback(second)));
            done.add_done_callback([&](future<int>) { order.push_back("third"); });
        });
        second = f.add_done_callback([&](future<int>) { order.push_back("second"); });
        f.set_result(1);
        co_await turns(2);
        say("ran", order);
    };

    run(main());
}

SCENARIO(S34_a_throwing_callback_does_not_stop_the_others) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        const auto seen = reports(loop);
        strings order;
        auto f = loop.create_future<int>();

        f.add_done_callback([&](future<int>) {
            order.push_back("bad");
            throw boom("callback");
        });
        f.add_done_callback([&](future<int>) { order.push_back("good"); });
        f.set_result(1);
        co_await turns(1);
        say("ran", order);
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S35_an_exception_nobody_retrieved_is_reported_once) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        const auto seen = reports(loop);

        auto f = loop.create_future<int>();
        f.set_exception(boom("dropped"));
        auto g = f;
        f = {};
        say("one handle left", seen);
        g = {};
        say("no handle left", seen);
        co_return;
    };

    run(main());
}

SCENARIO(S35_retrieved_in_any_way_is_silent) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        const auto seen = reports(loop);

        auto f = loop.create_future<int>();
        f.set_exception(boom("result"));
        attempt([&] { return f.result(); });

        f = loop.create_future<int>();
        f.set_exception(boom("exception"));
        say(f.exception());

        f = loop.create_future<int>();
        f.set_exception(boom("await"));
        co_await outcome_of(f);

        f = loop.create_future<int>();
        f.cancel();

        f = {};
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S35_a_failed_task_nobody_awaited) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());

        auto fail = []() -> coroutine<> {
            throw boom("alone");
            co_return;
        };

        auto t = create_task(fail());
        co_await settle();
        say("handle kept", seen);
        t = {};
        say("handle dropped", seen);
    };

    run(main());
}

SCENARIO(S36_a_dropped_pending_future_is_silent) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        const auto seen = reports(loop);
        auto f = loop.create_future<int>();
        f = {};
        co_await settle();
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S37_what_is_ready_does_not_yield) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;

        auto child = []() -> coroutine<int> { co_return 1; };

        lock mutex;
        event flag;
        semaphore slots(1);
        queue<int> items(1);
        auto done = loop.create_future<int>();
        done.set_result(2);
        auto finished = create_task(child());
        co_await finished;

        loop.call_soon([&] { order.push_back("another turn"); });
        say("coroutine", co_await child());
        say("future", co_await done);
        say("task", co_await finished);
        co_await mutex.acquire();
        co_await slots.acquire();
        flag.set();
        co_await flag.wait();
        co_await items.put(3);
        say("queue", co_await items.get());
        say("others ran", order);
        co_await sleep(0s);
        say("after sleep(0)", order);
    };

    run(main());
}

SCENARIO(S38_a_future_of_another_loop) {
    auto main = []() -> coroutine<> {
        auto other = new_event_loop();
        auto f = other->create_future<int>();
        say("await:", co_await outcome_of(f));
        say("and the task goes on");
        other->close();
    };

    run(main());
}

SCENARIO(S39_a_task_that_awaits_itself) {
    auto main = []() -> coroutine<> {
        task<std::string> self;

        auto narcissus = [&]() -> coroutine<std::string> { co_return co_await outcome_of(self); };

        self = create_task(narcissus());
        say("await:", co_await self);
    };

    run(main());
}

SCENARIO(S40_cancelling_the_wait_for_a_pool_job) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        thread_event started;
        thread_event release;
        strings ran;

        auto busy = [&] {
            started.set();
            release.wait();
            ran.push_back("busy");
        };

        auto queued = [&] { ran.push_back("queued"); };

        auto last = [&] { ran.push_back("third"); };

        thread_pool_executor pool(1);
        auto first = loop.run_in_executor(&pool, busy);
        auto second = loop.run_in_executor(&pool, queued);
        auto third = loop.run_in_executor(&pool, last);
        started.wait();
        say("cancel the one that waits for a thread", second.cancel());
        say("cancel the one that runs", first.cancel());
        say("second:", co_await outcome_of(second));
        say("first:", co_await outcome_of(first));
        co_await settle();
        release.set();
        co_await third;
        say("ran", ran);
        pool.shutdown();
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
