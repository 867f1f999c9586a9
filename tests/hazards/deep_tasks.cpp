// A chain of 100,000 tasks, each awaiting the next one; under the thread sanitizer, too.
#include <asyncio/asyncio.hpp>
#include <functional>
#include <stdexcept>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using asyncio::future;
using asyncio::task;
using support::check;

support::stack stack;
constexpr std::size_t depth = 100'000;

coroutine<int> last(future<int> f) { co_return co_await f; }
coroutine<int> link(task<int> next) {
    const int below = co_await next;
    stack.probe();
    co_return below + 1;
}

struct chain {
    explicit chain(asyncio::event_loop& loop) : f(loop.create_future<int>()) {
        tasks.push_back(loop.create_task(last(f)));
        while (tasks.size() <= depth) tasks.push_back(loop.create_task(link(tasks.back())));
        loop.run_ready();
    }
    [[nodiscard]] const task<int>& first() const { return tasks.back(); }
    future<int> f;
    std::vector<task<int>> tasks;
};

void finished(asyncio::event_loop& loop) {
    const chain c(loop);
    c.f.set_result(0);
    loop.run_ready();
    check(c.first().result() == static_cast<int>(depth));
}

void failing(asyncio::event_loop& loop) {
    const chain c(loop);
    c.f.set_exception(std::runtime_error("from the bottom"));
    loop.run_ready();
    check(asyncio::detail::describe(c.first().exception()) ==
          "std::runtime_error: from the bottom");
}

void cancelled(asyncio::event_loop& loop) {
    const chain c(loop);
    c.first().cancel();
    check(c.f.cancelled());
    loop.run_ready();
    for (const task<int>& t : c.tasks) check(t.cancelled() && t.cancelling() == 1);
}

void dropped() {
    const auto loop = asyncio::new_event_loop();
    loop->set_exception_handler([](asyncio::event_loop&, const asyncio::exception_context&) {});
    const chain c(*loop);
    loop->close();
    check(c.first().cancelled());
}

coroutine<> holds(task<> next) {
    co_await asyncio::sleep(std::nullopt);
    (void)next;
}

/// Each task's frame has the only handle on the next one.
void dropped_owners() {
    const auto loop = asyncio::new_event_loop();
    loop->set_exception_handler([](asyncio::event_loop&, const asyncio::exception_context&) {});
    task<> t;
    for (std::size_t i = 0; i < depth; ++i) t = loop->create_task(holds(std::move(t)));
    loop->run_ready();
    loop->close();
}

/// A ring: each awaits the next, the last one the first.
void ring(asyncio::event_loop& loop) {
    std::vector<task<>> tasks(depth);
    const auto waits = [](task<>& next) -> coroutine<> { co_await next; };
    for (std::size_t i = 0; i < depth; ++i)
        tasks[i] = loop.create_task(waits, std::ref(tasks[(i + 1) % depth]));
    loop.run_ready();
    tasks[7].cancel();
    loop.run_ready();
    for (const task<>& t : tasks) check(t.cancelled());
}

}  // namespace

int main() {
    const auto loop = asyncio::new_event_loop();
    finished(*loop);
    failing(*loop);
    cancelled(*loop);
    ring(*loop);
    dropped();
    dropped_owners();
    check(stack.take_depth() < 100'000);
}
