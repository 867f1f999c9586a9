// wait and as_completed: they watch, they do not cancel.
#include <algorithm>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

template <class T>
static coroutine<T> fails(std::string name, int after = 0) {
    co_await turns(after);
    throw boom(name);
}

template <class T>
static coroutine<T> returns(T value, int after = 0) {
    co_await turns(after);
    co_return value;
}

template <class T>
static coroutine<T> sleeps() {
    co_await sleep(1h);
    co_return T();
}

static strings names(const std::vector<task<int>>& tasks) {
    strings all;
    for (const auto& t : tasks) all.push_back(t.get_name());
    std::ranges::sort(all);
    return all;
}

SCENARIO(S81_nothing_to_wait_for) {
    auto main = []() -> coroutine<> {
        auto wait_for_nothing = []() -> coroutine<> {
            const std::vector<task<int>> nothing;
            co_await wait(nothing);
        };

        say("wait:", co_await outcome_of(wait_for_nothing()));
    };

    run(main());
}

SCENARIO(S81_duplicates_collapse) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns(1), {.name = "a"});
        auto b = create_task(returns(2, 2), {.name = "b"});
        const std::vector<task<int>> tasks{a, b, a, a};
        auto [done, pending] = co_await wait(tasks);
        say("done", names(done), "pending", names(pending));
    };

    run(main());
}

SCENARIO(S82_a_timeout_neither_raises_nor_cancels) {
    auto main = []() -> coroutine<> {
        auto quick = create_task(returns(1), {.name = "quick"});
        auto release = get_running_loop().create_future<int>();

        auto waits = [&]() -> coroutine<int> { co_return co_await release; };

        auto slow = create_task(waits(), {.name = "slow"});
        const std::vector<task<int>> tasks{quick, slow};
        auto [done, pending] = co_await wait(tasks, {.timeout = 2ms});
        say("done", names(done), "pending", names(pending));
        release.set_result(2);
        say("slow:", co_await outcome_of(slow));
    };

    run(main());
}

SCENARIO(S82_a_cancelled_wait_leaves_the_tasks_alone) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future<int>();

        auto waits = [&]() -> coroutine<int> { co_return co_await release; };

        auto t = create_task(waits());

        auto waiter = [&]() -> coroutine<> {
            const std::vector<task<int>> tasks{t};
            co_await wait(tasks);
        };

        auto w = create_task(waiter());
        co_await settle();
        w.cancel();
        say("waiter:", co_await outcome_of(w));
        say("task:", state(t), "cancelling", t.cancelling());
        release.set_result(1);
        say("task:", co_await outcome_of(t));
    };

    run(main());
}

SCENARIO(S83_first_exception) {
    auto main = []() -> coroutine<> {
        auto ok = create_task(returns(1), {.name = "ok"});
        auto bad = create_task(fails<int>("x", 3), {.name = "bad"});
        auto slow = create_task(sleeps<int>(), {.name = "slow"});
        const std::vector<task<int>> tasks{ok, bad, slow};
        auto [done, pending] = co_await wait(tasks, {.return_when = return_when::first_exception});
        say("done", names(done), "pending", names(pending));
        say(state(bad));
    };

    run(main());
}

SCENARIO(S83_a_cancelled_task_is_no_exception) {
    auto main = []() -> coroutine<> {
        auto cancelled = create_task(sleeps<int>(), {.name = "cancelled"});
        auto ok = create_task(returns(1, 10), {.name = "ok"});
        cancelled.cancel();
        const std::vector<task<int>> tasks{cancelled, ok};
        auto [done, pending] = co_await wait(tasks, {.return_when = return_when::first_exception});
        say("done", names(done), "pending", names(pending));
    };

    run(main());
}

SCENARIO(S83_one_that_has_already_failed) {
    auto main = []() -> coroutine<> {
        auto bad = create_task(fails<int>("x"), {.name = "bad"});
        auto slow = create_task(sleeps<int>(), {.name = "slow"});
        co_await settle();
        const std::vector<task<int>> tasks{bad, slow};
        auto [done, pending] = co_await wait(tasks, {.return_when = return_when::first_exception});
        say("done", names(done), "pending", names(pending));
        say(state(bad));
    };

    run(main());
}

SCENARIO(S84_first_completed_may_return_several) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns(1), {.name = "a"});
        auto b = create_task(returns(2), {.name = "b"});
        auto slow = create_task(sleeps<int>(), {.name = "slow"});
        const std::vector<task<int>> tasks{a, b, slow};
        auto [done, pending] = co_await wait(tasks, {.return_when = return_when::first_completed});
        say("done", names(done), "pending", names(pending));
    };

    run(main());
}

SCENARIO(S84_first_completed_of_one) {
    auto main = []() -> coroutine<> {
        auto quick = create_task(returns(1), {.name = "quick"});
        auto slow = create_task(sleeps<int>(), {.name = "slow"});
        const std::vector<task<int>> tasks{slow, quick};
        auto [done, pending] = co_await wait(tasks, {.return_when = return_when::first_completed});
        say("done", names(done), "pending", names(pending));
    };

    run(main());
}

SCENARIO(S85_in_the_order_of_completion) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns("a", 9));
        auto b = create_task(returns("b", 6));
        auto c = create_task(returns("c", 3));
        strings results;
        for (auto first : as_completed(a, b, c)) results.push_back(co_await first);
        say("results", results);
    };

    run(main());
}

SCENARIO(S85_the_first_awaited_gets_the_first_completed) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns("a", 6));
        auto b = create_task(returns("b", 3));
        auto completed = as_completed(a, b);
        auto waits = completed.begin();
        auto first = *waits;
        auto last = *++waits;
        say("the last one, awaited first:", co_await last);
        say("the first one, awaited last:", co_await first);
    };

    run(main());
}

SCENARIO(S85_errors_come_in_their_turn) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns("a", 6));
        auto b = create_task(fails<const char*>("b", 3));
        for (auto first : as_completed(a, b)) say(co_await outcome_of(std::move(first)));
    };

    run(main());
}

SCENARIO(S86_the_tasks_themselves) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns(1, 6), {.name = "a"});
        auto b = create_task(returns(2, 3), {.name = "b"});
        auto completed = as_completed(a, b);
        while (completed.left() > 0) {
            auto t = co_await completed.next();
            say(t.get_name(), state(t));
        }
    };

    run(main());
}

SCENARIO(S87_a_timeout) {
    auto main = []() -> coroutine<> {
        auto quick = create_task(returns("quick"));
        auto slow = create_task(sleeps<const char*>());
        co_await settle();
        const std::vector<task<const char*>> tasks{slow, quick};
        for (auto first : as_completed(tasks, 5ms)) say(co_await outcome_of(std::move(first)));
        say("slow:", state(slow), "cancelling", slow.cancelling());
    };

    run(main());
}

SCENARIO(S87_left_and_resumed) {
    auto main = []() -> coroutine<> {
        auto a = create_task(returns("a", 3));
        auto b = create_task(returns("b", 6));
        auto c = create_task(returns("c", 9));
        strings results;
        auto completed = as_completed(a, b, c);
        for (auto first : completed) {
            results.push_back(co_await first);
            break;
        }
        say("results", results);
        for (auto first : completed) results.push_back(co_await first);
        say("results", results);
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
