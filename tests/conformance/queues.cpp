// Queues: no item is lost to a cancel, join counts, shutdown ends both sides.
#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S144_items_in_order_and_limits) {
    auto main = []() -> coroutine<> {
        queue<std::string> items(2);
        say("get_nowait of an empty one:", attempt([&] { return items.get_nowait(); }));
        items.put_nowait("a");
        co_await items.put("b");
        say("size", items.qsize(), "full", items.full(), "empty", items.empty(), "maxsize",
            items.maxsize());
        say("put_nowait to a full one:", attempt([&] { items.put_nowait("c"); }));
        const std::string first = co_await items.get();
        const std::string second = items.get_nowait();
        say(first, second, "empty", items.empty());

        lifo_queue<int> lifo;
        priority_queue<int> priority;
        for (const int i : {2, 3, 1}) {
            lifo.put_nowait(i);
            priority.put_nowait(i);
        }
        std::vector<int> last_first, smallest_first;
        for (int i = 0; i < 3; ++i) {
            last_first.push_back(lifo.get_nowait());
            smallest_first.push_back(priority.get_nowait());
        }
        say("last in first out", last_first);
        say("by priority", smallest_first);
    };

    run(main());
}

SCENARIO(S144_put_waits_and_get_waits) {
    auto main = []() -> coroutine<> {
        queue<int> items(1);
        strings order;

        auto producer = [&]() -> coroutine<> {
            for (int i = 0; i < 3; ++i) {
                co_await items.put(i);
                order.push_back("put " + text(i));
            }
        };

        auto p = create_task(producer());
        co_await settle();
        say("blocked after", order);
        for (int i = 0; i < 3; ++i) {
            order.push_back("got " + text(co_await items.get()));
            co_await settle();
        }
        co_await p;
        say(order);
    };

    run(main());
}

SCENARIO(S144_a_cancelled_get_loses_no_item) {
    auto main = []() -> coroutine<> {
        queue<std::string> items;

        auto get = [&]() -> coroutine<std::string> { co_return co_await items.get(); };

        auto a = create_task(get());
        auto b = create_task(get());
        co_await settle();
        items.put_nowait("item");
        a.cancel();
        say("a:", co_await outcome_of(a));
        say("b:", co_await outcome_of(b));
        say("left", items.qsize());
    };

    run(main());
}

SCENARIO(S144_a_get_cancelled_before_the_put) {
    auto main = []() -> coroutine<> {
        queue<std::string> items;

        auto get = [&]() -> coroutine<std::string> { co_return co_await items.get(); };

        auto a = create_task(get());
        auto b = create_task(get());
        co_await settle();
        a.cancel();
        items.put_nowait("item");
        say("a:", co_await outcome_of(a));
        say("b:", co_await outcome_of(b));
    };

    run(main());
}

SCENARIO(S144_the_only_get_is_cancelled_with_the_item_there) {
    auto main = []() -> coroutine<> {
        queue<std::string> items;

        auto get = [&]() -> coroutine<std::string> { co_return co_await items.get(); };

        auto a = create_task(get());
        co_await settle();
        items.put_nowait("item");
        a.cancel();
        say("a:", co_await outcome_of(a));
        const std::size_t left = items.qsize();
        say("left", left, items.get_nowait());
    };

    run(main());
}

SCENARIO(S144_many_getters) {
    auto main = []() -> coroutine<> {
        queue<int> items;
        strings got;

        auto get = [&](std::string name) -> coroutine<> {
            const int item = co_await items.get();
            got.push_back(name + " " + text(item));
        };

        std::vector<task<>> tasks;
        for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(create_task(get(name)));
        co_await settle();
        for (int i = 0; i < 3; ++i) items.put_nowait(i);
        tasks[1].cancel();
        co_await settle();
        say("got", got, "left", items.qsize());
        strings states;
        for (const auto& t : tasks) states.push_back(state(t));
        say(states);
    };

    run(main());
}

SCENARIO(S145_a_cancelled_put_leaves_nothing) {
    auto main = []() -> coroutine<> {
        queue<std::string> items(1);

        auto put = [&](std::string item) -> coroutine<> { co_await items.put(item); };

        co_await items.put("first");
        auto a = create_task(put("cancelled"));
        auto b = create_task(put("second"));
        co_await settle();
        a.cancel();
        const std::string ended = co_await outcome_of(a);
        say("a:", ended, "size", items.qsize());
        say(co_await items.get());
        say(co_await items.get());
        co_await settle();
        say("b:", state(b), "size", items.qsize());
    };

    run(main());
}

SCENARIO(S145_a_put_cancelled_when_there_is_room) {
    auto main = []() -> coroutine<> {
        queue<std::string> items(1);

        auto put = [&](std::string item) -> coroutine<> { co_await items.put(item); };

        co_await items.put("first");
        auto a = create_task(put("cancelled"));
        auto b = create_task(put("second"));
        co_await settle();
        say(items.get_nowait());
        a.cancel();
        co_await settle();
        const std::size_t size = items.qsize();
        say("a:", state(a), "b:", state(b), "size", size, items.get_nowait());
    };

    run(main());
}

SCENARIO(S146_join_counts) {
    auto main = []() -> coroutine<> {
        queue<int> items;

        auto join = [&]() -> coroutine<> { co_await items.join(); };

        co_await join();
        say("an empty queue is joined at once");
        items.put_nowait(1);
        items.put_nowait(2);
        auto j = create_task(join());
        co_await settle();
        say("2 of 2 unfinished:", state(j));
        items.get_nowait();
        items.get_nowait();
        items.task_done();
        co_await settle();
        say("1 of 2 unfinished:", state(j));
        items.task_done();
        co_await settle();
        say("finished, joined", j.done());
        say("one task_done too many:", attempt([&] { items.task_done(); }));
    };

    run(main());
}

SCENARIO(S147_shutdown_drains) {
    auto main = []() -> coroutine<> {
        queue<std::string> items(2);

        auto put = [&](std::string item) -> coroutine<> { co_await items.put(item); };

        auto join = [&]() -> coroutine<> { co_await items.join(); };

        auto get = [&]() -> coroutine<std::string> { co_return co_await items.get(); };

        items.put_nowait("a");
        items.put_nowait("b");
        auto putter = create_task(put("c"));
        auto joiner = create_task(join());
        co_await settle();
        items.shutdown();
        say("blocked put:", co_await outcome_of(putter));
        say("new put:", co_await outcome_of(put("d")),
            "put_nowait:", attempt([&] { items.put_nowait("e"); }));
        const std::string first = co_await outcome_of(get());
        const std::string second = co_await outcome_of(get());
        say("get:", first, "get:", second, "get:", co_await outcome_of(get()));
        say("get_nowait:", attempt([&] { return items.get_nowait(); }));
        co_await settle();
        say("join:", state(joiner));
        items.task_done();
        items.task_done();
        co_await settle();
        say("joined", joiner.done());
    };

    run(main());
}

SCENARIO(S147_shutdown_of_an_empty_queue) {
    auto main = []() -> coroutine<> {
        queue<std::string> items;

        auto get = [&]() -> coroutine<std::string> { co_return co_await items.get(); };

        auto a = create_task(get());
        auto b = create_task(get());
        co_await settle();
        items.shutdown();
        const std::string first = co_await outcome_of(a);
        say("blocked gets:", first, co_await outcome_of(b));
        co_await items.join();
        say("joined");
    };

    run(main());
}

SCENARIO(S148_shutdown_immediate) {
    auto main = []() -> coroutine<> {
        queue<std::string> items;

        auto join = [&]() -> coroutine<> { co_await items.join(); };

        for (const char* item : {"in progress", "dropped", "dropped too"}) items.put_nowait(item);
        say(items.get_nowait());
        auto joiner = create_task(join());
        co_await settle();
        items.shutdown_immediate();
        say("size", items.qsize(), "get_nowait:", attempt([&] { return items.get_nowait(); }));
        co_await settle();
        say("one item in progress, join:", state(joiner));
        items.task_done();
        co_await settle();
        say("joined", joiner.done());
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
