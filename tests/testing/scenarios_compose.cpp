#include <memory>
#include <numeric>
#include <vector>

#include "asyncio/compose/as_completed.hpp"
#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/wait.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/executor/to_thread.hpp"
#include "asyncio/testing/simulate.hpp"
#include "testing/scenarios.hpp"

namespace scenarios {

namespace {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::sleep;
using asyncio::task;
using asyncio::testing::expect;

coroutine<int> after(std::chrono::milliseconds d, int n) {
    co_await sleep(d);
    co_return n;
}

coroutine<std::unique_ptr<int>> boxed(int n) {
    co_await sleep(1ms);
    co_return std::make_unique<int>(n);
}

// ---- coroutines, tasks, futures ----

coroutine<int> deep(int n) {
    if (n == 0) co_return co_await after(1ms, 0);
    co_return 1 + co_await deep(n - 1);
}
coroutine<> awaits_a_chain() { expect(co_await deep(70) == 70); }

coroutine<> awaits_tasks() {
    const auto a = create_task(after, 2ms, 1);
    const auto b = create_task(after, 1ms, 2);
    expect(co_await a + co_await b == 3);
}

coroutine<> moves_results() {
    auto t = create_task(boxed, 5);
    const std::unique_ptr<int> p = co_await std::move(t);
    expect(*p == 5);
}

coroutine<> sets_later(future<int> f) {
    co_await sleep(1ms);
    if (!f.done()) f.set_result(7);
}
coroutine<> awaits_a_future() {
    const future<int> f = asyncio::get_running_loop().create_future<int>();
    const auto t = create_task(sets_later, f);
    expect(co_await asyncio::wait_for(f, 1h) == 7);
    co_await t;
}

coroutine<> many_wait_for_one() {
    const auto t = create_task(after, 2ms, 3);
    const auto wait_too = [](task<int> shared) -> coroutine<int> { co_return co_await shared; };
    const auto a = create_task(wait_too, t);
    const auto b = create_task(wait_too, t);
    expect(co_await a == 3);
    expect(co_await b == 3);
}

coroutine<> starts_eagerly() {
    const auto t = create_task({.name = "eager", .eager_start = true}, after, 1ms, 4);
    expect(co_await t == 4);
}

coroutine<> uses_callbacks() {
    auto& loop = asyncio::get_running_loop();
    const auto calls = std::make_shared<int>(0);
    const auto count = [calls] { ++*calls; };
    loop.call_soon(count);
    loop.call_later(1ms, count);
    auto never = loop.call_later(2ms, count);
    never.cancel();
    co_await sleep(5ms);
    expect(*calls == 2);
}

coroutine<> adds_done_callbacks() {
    const auto t = create_task(after, 1ms, 1);
    const auto done = std::make_shared<int>(0);
    t.add_done_callback([done](const future<int>&) { ++*done; });
    t.add_done_callback([done](const future<int>&) { ++*done; });
    co_await t;
    co_await sleep(1ms);
    expect(*done == 2);
}

coroutine<> cancels_a_task() {
    const auto t = create_task(sleep(1h));
    co_await sleep(1ms);
    t.cancel();
    const auto how = co_await asyncio::as_outcome(t);
    expect_work(how.cancelled());
}

coroutine<> cleans_up() {
    std::exception_ptr cancelled;
    try {
        co_await sleep(2ms);
    } catch (const asyncio::cancelled_error&) {
        cancelled = std::current_exception();
    }
    co_await sleep(1ms);
    if (cancelled) std::rethrow_exception(cancelled);
}
coroutine<> cleans_up_in_a_child() { co_await create_task(cleans_up); }

asyncio::context_var<int> request_id("request", 0);
coroutine<int> reads_the_context() {
    co_await sleep(1ms);
    co_return request_id.get();
}
coroutine<> carries_a_context() {
    const auto token = request_id.set(5);
    const auto t = create_task(reads_the_context);
    request_id.set(6);
    expect(co_await t == 5);
    expect(co_await reads_the_context() == 6);
}

// ---- gather, wait, as_completed ----

coroutine<> gathers() {
    const auto [a, b, c] = co_await asyncio::gather(after(3ms, 1), after(1ms, 2), after(2ms, 3));
    expect(a == 1 && b == 2 && c == 3);
}

coroutine<> gathers_many() {
    std::vector<coroutine<int>> all;
    for (int i = 0; i < 10; ++i) all.push_back(after(1ms * (i % 3), i));
    const std::vector<int> results = co_await asyncio::gather(std::move(all));
    expect(std::accumulate(results.begin(), results.end(), 0) == 45);
}

coroutine<> gathers_what_moves() {
    auto [a, b] = co_await asyncio::gather(boxed(1), boxed(2));
    expect(*a + *b == 3);
}

coroutine<int> fails_after(std::chrono::milliseconds d) {
    co_await sleep(d);
    throw std::runtime_error("planned");
}
coroutine<> gathers_outcomes() {
    const auto [a, b] =
        co_await asyncio::gather(asyncio::return_exceptions, after(1ms, 1), fails_after(2ms));
    expect_work(a.has_value());
    expect(!b.has_value());
}

coroutine<> gathers_a_failure() {
    bool caught = false;
    try {
        (void)co_await asyncio::gather(fails_after(1ms), after(2ms, 1));
    } catch (const std::runtime_error&) {
        caught = true;
    }
    expect(caught);
    co_await sleep(5ms);
}

coroutine<> gathers_nested() {
    auto inner = asyncio::gather(after(1ms, 1), after(2ms, 2));
    const auto [pair, n] = co_await asyncio::gather(std::move(inner), after(1ms, 3));
    expect(std::get<0>(pair) + std::get<1>(pair) + n == 6);
}

std::vector<task<int>> three_tasks() {
    std::vector<task<int>> all;
    for (int i = 1; i <= 3; ++i) all.push_back(create_task(after, 1ms * i, i));
    return all;
}

coroutine<> waits_for_all() {
    const auto all = three_tasks();
    const auto result = co_await asyncio::wait(all);
    expect(result.done.size() == 3 && result.pending.empty());
}

coroutine<> waits_for_the_first() {
    const auto all = three_tasks();
    const asyncio::wait_options first{.return_when = asyncio::return_when::first_completed};
    const auto result = co_await asyncio::wait(all, first);
    expect(!result.done.empty());
    co_await asyncio::wait(all);
}

coroutine<> waits_with_a_timeout() {
    const auto all = three_tasks();
    const asyncio::wait_options briefly{.timeout = 1500us};
    const auto result = co_await asyncio::wait(all, briefly);
    expect(result.done.size() + result.pending.size() == 3);
    for (const auto& t : result.pending) t.cancel();
    co_await asyncio::wait(all);
}

coroutine<> takes_them_as_they_come() {
    int sum = 0;
    for (auto next : asyncio::as_completed(three_tasks())) sum += co_await next;
    expect(sum == 6);
}

// ---- time limits and shields ----

coroutine<> waits_in_time() { expect(co_await asyncio::wait_for(after(1ms, 5), 1s) == 5); }

coroutine<> waits_too_long() {
    bool timed_out = false;
    try {
        (void)co_await asyncio::wait_for(after(1h, 5), 1ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    expect(timed_out);
}

coroutine<> waits_for_what_cleans_up() {
    try {
        co_await asyncio::wait_for(cleans_up(), 1ms);
    } catch (const asyncio::timeout_error&) {
    }
}

coroutine<> limits_a_block() {
    asyncio::timeout limit(1ms);
    bool timed_out = false;
    const auto body = []() -> coroutine<> { co_await sleep(1h); };
    try {
        co_await asyncio::with(limit, body);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    expect(timed_out && limit.expired());
}

coroutine<> nests_limits() {
    const auto inner = []() -> coroutine<> { co_await asyncio::wait_for(sleep(1h), 2ms); };
    bool timed_out = false;
    try {
        co_await asyncio::wait_for(inner(), 1ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    expect(timed_out);
}

coroutine<> shields_a_task() {
    const auto t = create_task(after, 3ms, 1);
    try {
        (void)co_await asyncio::wait_for(asyncio::shield(t), 1ms);
    } catch (const asyncio::timeout_error&) {
    }
    expect(co_await t == 1);
}

coroutine<> takes_outcomes() {
    const auto good = co_await asyncio::as_outcome(after(1ms, 1));
    if (good.cancelled()) good.value();
    const auto bad = co_await asyncio::as_outcome(fails_after(1ms));
    if (bad.cancelled()) bad.value();
    expect_work(good.has_value());
    expect(!bad.has_value());
}

// ---- task groups ----

coroutine<> groups() {
    asyncio::task_group group;
    int sum = 0;
    const auto add = [&sum](int n) -> coroutine<> {
        co_await sleep(1ms * n);
        sum += n;
    };
    const auto body = [&](asyncio::task_group& g) -> coroutine<> {
        g.create_task(std::ref(add), 1);
        g.create_task(std::ref(add), 2);
        co_await sleep(1ms);
        g.create_task(std::ref(add), 3);
    };
    co_await asyncio::with(group, body);
    expect_work(sum == 6);
}

coroutine<> groups_that_fail() {
    asyncio::task_group group;
    bool caught = false;
    const auto body = [](asyncio::task_group& g) -> coroutine<> {
        g.create_task(fails_after, 1ms);
        g.create_task(after, 1h, 1);
        co_await sleep(1h);
    };
    try {
        co_await asyncio::with(group, body);
    } catch (const asyncio::exception_group& e) {
        caught = true;
    }
    expect_work(caught);
}

coroutine<> groups_that_are_cancelled() {
    asyncio::task_group group;
    const auto body = [](asyncio::task_group& g) -> coroutine<> {
        g.create_task(cleans_up);
        g.create_task(after, 1h, 1);
        co_await sleep(1ms);
        g.cancel();
        co_await sleep(1h);
    };
    co_await asyncio::with(group, body);
}

coroutine<> groups_in_groups() {
    asyncio::task_group outer;
    const auto inner_main = []() -> coroutine<> {
        asyncio::task_group inner;
        const auto body = [](asyncio::task_group& g) -> coroutine<> {
            g.create_task(after, 1ms, 1);
            g.create_task(after, 2ms, 2);
            co_return;
        };
        co_await asyncio::with(inner, body);
    };
    const auto body = [&](asyncio::task_group& g) -> coroutine<> {
        g.create_task(inner_main);
        g.create_task(inner_main);
        co_return;
    };
    co_await asyncio::with(outer, body);
}

// ---- executors ----

int doubled(int n) { return 2 * n; }
int throws(int) { throw std::runtime_error("planned"); }

coroutine<> calls_a_thread() {
    expect(co_await asyncio::to_thread(doubled, 21) == 42);
    bool caught = false;
    try {
        (void)co_await asyncio::to_thread(throws, 1);
    } catch (const std::runtime_error&) {
        caught = true;
    }
    expect(caught);
}

coroutine<> gives_a_thread_up() {
    try {
        (void)co_await asyncio::wait_for(asyncio::to_thread(doubled, 21), 1ms);
    } catch (const asyncio::timeout_error&) {
    }
    co_await sleep(20ms);
}

coroutine<> calls_many_threads() {
    auto& loop = asyncio::get_running_loop();
    std::vector<future<int>> all;
    for (int i = 0; i < 4; ++i) all.push_back(loop.run_in_executor(nullptr, doubled, i));
    const std::vector<int> results = co_await asyncio::gather(std::move(all));
    expect(std::accumulate(results.begin(), results.end(), 0) == 12);
}

}  // namespace

std::span<const scenario> of_compose() {
    static constexpr scenario all[] = {
        {"awaits a chain", awaits_a_chain, nullptr},
        {"awaits tasks", awaits_tasks, nullptr},
        {"moves results", moves_results, nullptr},
        {"awaits a future", awaits_a_future, nullptr},
        {"many wait for one", many_wait_for_one, nullptr},
        {"starts eagerly", starts_eagerly, nullptr},
        {"uses callbacks", uses_callbacks, nullptr},
        {"adds done callbacks", adds_done_callbacks, nullptr},
        {"cancels a task", cancels_a_task, nullptr},
        {"cleans up", cleans_up, nullptr},
        {"cleans up in a child", cleans_up_in_a_child, nullptr},
        {"carries a context", carries_a_context, nullptr},
        {"gathers", gathers, nullptr},
        {"gathers many", gathers_many, nullptr},
        {"gathers what moves", gathers_what_moves, nullptr},
        {"gathers outcomes", gathers_outcomes, nullptr},
        {"gathers a failure", gathers_a_failure, nullptr},
        {"gathers nested", gathers_nested, nullptr},
        {"waits for all", waits_for_all, nullptr},
        {"waits for the first", waits_for_the_first, nullptr},
        {"waits with a timeout", waits_with_a_timeout, nullptr},
        {"takes them as they come", takes_them_as_they_come, nullptr},
        {"waits in time", waits_in_time, nullptr},
        {"waits too long", waits_too_long, nullptr},
        {"waits for what cleans up", waits_for_what_cleans_up, nullptr},
        {"limits a block", limits_a_block, nullptr},
        {"nests limits", nests_limits, nullptr},
        {"shields a task", shields_a_task, nullptr},
        {"takes outcomes", takes_outcomes, nullptr},
        {"groups", groups, nullptr},
        {"groups that fail", groups_that_fail, nullptr},
        {"groups that are cancelled", groups_that_are_cancelled, nullptr},
        {"groups in groups", groups_in_groups, nullptr},
        {"calls a thread", calls_a_thread, nullptr},
        {"gives a thread up", gives_a_thread_up, nullptr},
        {"calls many threads", calls_many_threads, nullptr},
    };
    return all;
}

}  // namespace scenarios
