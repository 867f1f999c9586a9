// Tasks that make their first step inside create_task.
#include <algorithm>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

template <class T>
static task<T> eager(coroutine<T> c, std::string_view name = {}) {
    return create_task(std::move(c), {.name = name, .eager_start = true});
}

SCENARIO(S67_done_on_return) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> { co_return 42; };

        auto t = eager(worker());
        say("done", t.done(), "result", t.result());
        say("await", co_await t);
    };

    run(main());
}

SCENARIO(S67_failed_on_return) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            throw boom("eager");
            co_return;
        };

        auto t = eager(worker());
        say("done", t.done());
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S67_runs_to_its_first_suspension) {
    auto main = []() -> coroutine<> {
        strings order;

        auto child = [&]() -> coroutine<> {
            order.push_back("child");
            co_return;
        };

        auto worker = [&]() -> coroutine<> {
            order.push_back("start");
            co_await child();
            co_await sleep(0s);
            order.push_back("end");
        };

        auto t = eager(worker());
        order.push_back("created");
        say("at once", order, "done", t.done());
        co_await t;
        say("later", order);
    };

    run(main());
}

static std::string current() { return current_task().get_name(); }

static strings tasks() {
    strings names;
    for (const auto& t : all_tasks()) names.push_back(t.get_name());
    std::ranges::sort(names);
    return names;
}

SCENARIO(S68_current_task_and_all_tasks_during_the_step) {
    auto main = []() -> coroutine<> {
        current_task().set_name("main");

        auto worker = []() -> coroutine<> {
            say("current", current(), "all", tasks());
            co_await sleep(0s);
            say("current", current(), "all", tasks());
        };

        auto t = eager(worker(), "eager");
        say("current", current(), "all", tasks());
        co_await t;
        say("current", current(), "all", tasks());
    };

    run(main());
}

SCENARIO(S68_nested_eager_tasks) {
    auto main = []() -> coroutine<> {
        current_task().set_name("main");

        auto inner = []() -> coroutine<> {
            say("inner:", current());
            co_return;
        };

        auto outer = [&]() -> coroutine<> {
            say("outer before:", current());
            eager(inner(), "inner");
            say("outer after:", current());
            co_return;
        };

        eager(outer(), "outer");
        say("main after:", current());
        co_return;
    };

    run(main());
}

SCENARIO(S69_the_context_does_not_leak) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            say("worker sees", request.get());
            request.set("by the worker");
            co_await sleep(0s);
            say("worker sees", request.get());
        };

        request.set("by main");
        auto t = eager(worker());
        say("main sees", request.get());
        co_await t;
        say("main sees", request.get());
    };

    run(main());
}

SCENARIO(S70_cancel_after_it_is_done) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<int> { co_return 42; };

        auto t = eager(worker());
        say("cancel", t.cancel());
        say("await:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S70_cancel_after_it_has_blocked) {
    auto main = []() -> coroutine<> {
        strings order;

        auto worker = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("cleaned up"); });
            co_await sleep(1h);
        };

        auto t = eager(worker());
        say("cancel", t.cancel());
        say("await:", co_await outcome_of(t));
        say("ran", order);
    };

    run(main());
}

SCENARIO(S71_an_eager_child_of_a_group_fails) {
    auto main = []() -> coroutine<> {
        const auto self = current_task();
        std::vector<std::uint32_t> cancelling;
        strings seen;

        auto fail = []() -> coroutine<> {
            throw boom("eager");
            co_return;
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(fail(), {.eager_start = true});
            cancelling.push_back(self.cancelling());
            seen.push_back(co_await outcome_of(sleep(1h)));
        };

        say("group:", co_await outcome_of(with(task_group(), body)));
        const char* why = "the parent is never cancelled inside create_task";
        say_differs("cancelling() right after create_task:", cancelling[0], why);
        say("the body:", seen[0]);
        say("cancelling() after the group", self.cancelling());
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
