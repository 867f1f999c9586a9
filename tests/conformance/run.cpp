// run and runner: main's outcome, the end of everything else, Ctrl-C.
#include <csignal>
#include <optional>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<> sleeps() { co_await sleep(1h); }

SCENARIO(S125_the_outcome_of_main) {
    auto value = []() -> coroutine<int> { co_return 42; };

    auto error = []() -> coroutine<> {
        throw boom("main");
        co_return;
    };

    auto cancelled = []() -> coroutine<> {
        throw cancelled_error();
        co_return;
    };

    say("value:", attempt([&] { return run(value()); }));
    say("error:", attempt([&] { run(error()); }));
    say("cancelled:", attempt([&] { run(cancelled()); }));
}

SCENARIO(S125_run_inside_run) {
    auto main = []() -> coroutine<> {
        auto other = []() -> coroutine<> {
            say("this never runs");
            co_return;
        };

        captured_log lines;
        say("run:", attempt([&] { run(other()); }));
        lines.stop();
        say("main goes on", co_await outcome_of(sleep(0s, "yes")));
    };

    run(main());
}

SCENARIO(S126_leftover_tasks_are_cancelled_and_awaited) {
    strings order;

    auto leftover = [&]() -> coroutine<> {
        auto slept = co_await as_outcome(sleeps());
        order.push_back("cancelled");
        co_await sleep(1ms);
        order.push_back("cleaned up");
        slept.value();
    };

    auto main = [&]() -> coroutine<int> {
        create_task(leftover());
        co_await turns(1);
        order.push_back("main returns");
        co_return 42;
    };

    say("run:", attempt([&] { return run(main()); }));
    say(order);
}

SCENARIO(S126_leftovers_of_a_main_that_fails) {
    strings order;

    auto leftover = [&]() -> coroutine<> {
        const finally cleanup([&] { order.push_back("cancelled"); });
        co_await sleeps();
    };

    auto main = [&]() -> coroutine<> {
        create_task(leftover());
        co_await turns(1);
        throw boom("main");
    };

    say("run:", attempt([&] { run(main()); }));
    say(order);
}

SCENARIO(S127_errors_of_leftovers_are_reported) {
    std::vector<std::exception_ptr> seen;

    auto handler = [&](event_loop&, const exception_context& context) {
        seen.push_back(context.exception);
        say("the message names the shutdown",
            context.message.find("shutdown") != std::string::npos);
    };

    auto leftover = []() -> coroutine<> {
        try {
            co_await sleeps();
        } catch (...) {
            throw boom("cleanup");
        }
    };

    auto main = [&]() -> coroutine<int> {
        get_running_loop().set_exception_handler(handler);
        create_task(leftover());
        co_await turns(1);
        co_return 42;
    };

    say("run:", attempt([&] { return run(main()); }));
    say("reported", seen);
}

SCENARIO(S128_async_generators_are_closed_after_the_leftovers) {
    strings order;

    auto numbers = [&]() -> async_generator<int> {
        const finally cleanup([&] { order.push_back("generator closed"); });
        co_yield 1;
        co_yield 2;
    };

    std::optional<async_generator<int>> generator;

    auto leftover = [&]() -> coroutine<> {
        const finally cleanup([&] { order.push_back("leftover cancelled"); });
        co_await sleeps();
    };

    auto main = [&]() -> coroutine<int> {
        generator.emplace(numbers());
        say("first", co_await generator->next());
        create_task(leftover());
        co_await turns(1);
        co_return 42;
    };

    say("run:", attempt([&] { return run(main()); }));
    say(order);
}

SCENARIO(S129_one_loop_and_one_context_for_all_runs) {
    static const context_var<std::string> request("request", "none");
    std::vector<event_loop*> loops;

    auto first = [&]() -> coroutine<> {
        loops.push_back(&get_running_loop());
        say("first sees", request.get());
        request.set("by the first");
        co_return;
    };

    auto second = [&]() -> coroutine<> {
        loops.push_back(&get_running_loop());
        say("second sees", request.get());
        co_return;
    };

    {
        runner r;
        r.run(first());
        r.run(second());
        say("the same loop", loops[0] == loops[1], "that of the runner", loops[0] == &r.get_loop());
    }
    say("outside", request.get());
}

SCENARIO(S129_tasks_live_on_between_the_runs) {
    task<int> started;

    auto worker = []() -> coroutine<int> {
        co_await turns(3);
        co_return 42;
    };

    auto first = [&]() -> coroutine<> {
        started = create_task(worker());
        co_return;
    };

    auto second = [&]() -> coroutine<int> { co_return co_await started; };

    runner r;
    r.run(first());
    say("between", started.done());
    say("second:", r.run(second()));
}

SCENARIO(S130_close) {
    auto value = []() -> coroutine<int> { co_return 42; };

    runner r;
    say("run:", r.run(value()));
    say("close:", attempt([&] { r.close(); }));
    say("close again:", attempt([&] { r.close(); }));
    say("get_loop after close:", attempt([&] { (void)r.get_loop(); }));
    const captured_log lines;
    say("run after close:", attempt([&] { return r.run(value()); }));
}

SCENARIO(S131_ctrl_c_cancels_main) {
    strings order;

    auto main = [&]() -> coroutine<> {
        auto f = get_running_loop().create_future();
        std::raise(SIGINT);
        const finally cleanup([&] {
            order.push_back("main cancelled");
            say("future cancelled", f.cancelled());
        });
        co_await f;
    };

    say("run:", attempt([&] { run(main()); }));
    say(order);
}

SCENARIO(S131_also_in_a_loop_of_sleep_0) {
    auto main = []() -> coroutine<> {
        std::raise(SIGINT);
        for (;;) co_await sleep(0s);
    };

    say("run:", attempt([&] { run(main()); }));
}

SCENARIO(S131_main_may_clean_up_and_leftovers_too) {
    strings order;

    auto leftover = [&]() -> coroutine<> {
        const finally cleanup([&] { order.push_back("leftover cancelled"); });
        co_await sleeps();
    };

    auto main = [&]() -> coroutine<> {
        create_task(leftover());
        co_await turns(1);
        std::raise(SIGINT);
        auto slept = co_await as_outcome(sleeps());
        co_await sleep(1ms);
        order.push_back("main cleaned up");
        slept.value();
    };

    say("run:", attempt([&] { run(main()); }));
    say(order);
}

SCENARIO(S131_main_may_refuse) {
    auto main = []() -> coroutine<int> {
        std::raise(SIGINT);
        (void)co_await as_outcome(sleeps());
        co_return 42;
    };

    say("run:", attempt([&] { return run(main()); }));
}

SCENARIO(S132_ctrl_c_and_a_cancel) {
    auto main = []() -> coroutine<> {
        const auto self = current_task();
        get_running_loop().call_soon([self] { self.cancel(); });
        std::raise(SIGINT);
        co_await sleeps();
    };

    say("run:", attempt([&] { run(main()); }));
}

SCENARIO(S133_an_executor_that_does_not_end_in_time) {
    thread_event release;

    auto job = [&] { release.wait(); };

    auto main = [&]() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.run_in_executor(nullptr, job);
        co_await loop.shutdown_default_executor(1ms);
        say("shutdown returned, job done", f.done());
        say("another job:", co_await outcome_of(to_thread(job)));
        release.set();
        say("job:", co_await outcome_of(f));
    };

    captured_log lines;
    run(main());
    say("warned", !lines.lines().empty());
}

int main(int argc, char** argv) { return play(argc, argv); }
