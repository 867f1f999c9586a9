// Tasks: when they start, which one is current, their context, and what is reported about forgotten
// ones.
#include <algorithm>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S42_create_task_runs_nothing_at_once) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&](std::string name) -> coroutine<> {
            order.push_back(name);
            co_return;
        };

        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(worker(name)));
        say("at once", order, "done", tasks[0].done());
        co_await turns(1);
        say("one turn later", order, "done", tasks[0].done());
    };

    run(main());
}

SCENARIO(S42_a_task_is_a_future) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> {
            co_await sleep(0s);
            co_return 42;
        };

        auto t = create_task(worker(), {.name = "worker"});
        strings order;
        t.add_done_callback([&](future<int> done) { order.push_back(state(done)); });
        say("name", t.get_name());
        t.set_name("renamed");
        say("name", t.get_name());
        say("result too early:", attempt([&] { return t.result(); }));
        say("await", co_await t);
        say("result", t.result());
        co_await turns(1);
        say("callback got", order);
        say("loop is the running one", &t.get_loop() == &get_running_loop());
    };

    run(main());
}

SCENARIO(S42_an_exception_of_a_task) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            co_await sleep(0s);
            throw boom("x");
        };

        auto t = create_task(worker());
        say("await:", co_await outcome_of(t));
        say("await again:", co_await outcome_of(t));
        say("exception:", t.exception());
        say("cancelled", t.cancelled());
    };

    run(main());
}

template <class Task>
concept can_set_result = requires(Task t) { t.set_result(1); };
template <class Task>
concept can_set_exception = requires(Task t) { t.set_exception(boom("x")); };

SCENARIO(S59_a_task_sets_its_result_itself) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> { co_return 42; };

        auto t = create_task(worker());
        say("set_result refused", !can_set_result<task<int>>);
        say("set_exception refused", !can_set_exception<task<int>>);
        say("await", co_await t);
    };

    run(main());
}

SCENARIO(S60_current_task) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings seen;

        auto note = [&](std::string when) {
            const auto t = current_task();
            seen.push_back(when + ": " + (t.valid() ? t.get_name() : "no task"));
        };

        auto child = [&]() -> coroutine<> {
            note("in a child");
            co_return;
        };

        auto worker = [&]() -> coroutine<> {
            note("start");
            co_await sleep(0s);
            note("middle");
            co_await child();
            co_await sleep(0s);
            note("end");
        };

        auto a = create_task(worker(), {.name = "a"});
        auto b = create_task(worker(), {.name = "b"});
        loop.call_soon(note, "in a callback");
        co_await a;
        co_await b;
        for (const std::string& line : seen) say(line);
    };

    run(main());
}

static strings names_of_all_tasks() {
    strings names;
    for (const auto& t : all_tasks()) names.push_back(t.get_name());
    std::ranges::sort(names);
    return names;
}

SCENARIO(S61_all_tasks_lists_the_unfinished) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> { co_await sleep(0s); };

        current_task().set_name("main");
        auto a = create_task(worker(), {.name = "a"});
        auto b = create_task(worker(), {.name = "b"});
        say("created", names_of_all_tasks());
        b.cancel();
        co_await turns(3);
        say("finished", names_of_all_tasks());
        say(state(a), state(b));
    };

    run(main());
}

SCENARIO(S61_a_pending_task_that_is_destroyed) {
    captured_log lines;
    {
        auto loop = new_event_loop();

        auto waits_forever = [&]() -> coroutine<> {
            auto f = loop->create_future();
            co_await f;
        };

        auto t = loop->create_task(waits_forever());
        t.set_name("the-forgotten-one");
        loop->call_soon([&] { loop->stop(); });
        loop->run_forever();
        say("pending", !t.done());
        loop->close();
    }
    say("reported as pending", lines.has("destroyed but it is pending"));
    say("with its name", lines.has("the-forgotten-one"));
}

SCENARIO(S62_a_task_has_a_copy_of_the_context) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        strings seen;

        auto worker = [&]() -> coroutine<> {
            seen.push_back(request.get());
            request.set("by the worker");
            co_await sleep(0s);
            seen.push_back(request.get());
        };

        request.set("by main");
        auto t = create_task(worker());
        request.set("after create_task");
        co_await t;
        say("worker saw", seen);
        say("main sees", request.get());
    };

    run(main());
}

SCENARIO(S62_an_awaited_coroutine_shares_the_context) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        auto child = []() -> coroutine<> {
            request.set("by the child");
            co_return;
        };

        request.set("by main");
        co_await child();
        say("main sees", request.get());
    };

    run(main());
}

SCENARIO(S62_an_explicit_context_is_used_as_it_is) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        strings seen;

        auto worker = [&]() -> coroutine<> {
            seen.push_back(request.get());
            request.set("by the worker");
            co_return;
        };

        request.set("in the context");
        const context shared = copy_context();
        request.set("by main");
        co_await create_task(worker(), {.context = &shared});
        co_await create_task(worker(), {.context = &shared});
        say("workers saw", seen);
        say("main sees", request.get());
    };

    run(main());
}

SCENARIO(S62_a_callback_has_the_context_of_the_caller) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        strings seen;
        auto f = get_running_loop().create_future<int>();

        request.set("at call_soon");
        get_running_loop().call_soon([&] { seen.push_back(request.get()); });
        request.set("at add_done_callback");
        f.add_done_callback([&](future<int>) { seen.push_back(request.get()); });
        request.set("at set_result");
        f.set_result(1);
        co_await turns(1);
        say("callbacks saw", seen);
    };

    run(main());
}

SCENARIO(S63_create_task_on_a_closed_loop) {
    captured_log lines;
    auto loop = new_event_loop();
    loop->close();

    auto worker = []() -> coroutine<> { co_return; };

    say("create_task:", attempt([&] { loop->create_task(worker()); }));
    say("reported as never awaited", lines.has("never awaited"));
}

static coroutine<> forgotten() {
    say("this never runs");
    co_return;
}

SCENARIO(S64_a_coroutine_never_awaited_is_reported) {
    captured_log lines;
    {
        auto coroutine = forgotten();
    }
    say("reported", lines.has("never awaited"));
    say("with its name", lines.has("forgotten"));
}

SCENARIO(S65_a_coroutine_is_awaited_once) {
    auto main = []() -> coroutine<> {
        auto child = []() -> coroutine<int> { co_return 42; };

        auto coroutine = child();
        say("await:", co_await outcome_of(std::move(coroutine)));
        const std::string again = co_await outcome_of(std::move(coroutine));
        say("await again gives 42:", again == "42");
    };

    run(main());
}

SCENARIO(S66_debug_mode_knows_where_a_task_was_created) {
    auto main = []() -> coroutine<> {
        auto fail = []() -> coroutine<> {
            throw boom("nobody looks");
            co_return;
        };

        auto creator_of_the_task = [&] { return create_task(fail()); };

        captured_log lines;
        auto t = creator_of_the_task();
        co_await settle();
        t = {};
        say("the error is logged", lines.has("nobody looks"));
        say("with the place of the creation", lines.has("tasks."));
    };

    run(main(), {.debug = true});
}

int main(int argc, char** argv) { return play(argc, argv); }
