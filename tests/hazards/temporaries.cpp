// What the library returns to be awaited, and its options, survive as temporaries of an expression
// with co_await on g++ 12: they have constructors, or nothing to destroy. Also when the wait is
// cancelled, and when the frame is destroyed in the middle.
#include <asyncio/asyncio.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using asyncio::future;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<counted> give(counted c) {
    co_await asyncio::sleep(0s);
    co_return c;
}

coroutine<> every_awaitable() {
    const std::string name(100, 'n');
    const counted c;
    (void)co_await give(counted());
    (void)co_await asyncio::sleep(0s, counted());
    check(co_await asyncio::sleep(0s, std::string(100, 'x')) == std::string(100, 'x'));
    (void)co_await asyncio::create_task(give(c), {.name = name, .eager_start = true});
    (void)co_await asyncio::create_task({.name = name}, give, c);
    (void)co_await asyncio::wait_for(give(c), 1h);
    (void)co_await asyncio::wait_for(asyncio::create_task(give(c)), 1h);
    (void)co_await asyncio::shield(give(c));
    (void)co_await asyncio::as_outcome(give(c));
    (void)co_await asyncio::gather(give(c), asyncio::sleep(0s, c), asyncio::create_task(give(c)));
    (void)co_await asyncio::gather(asyncio::return_exceptions, give(c), give(c));
    (void)co_await asyncio::ensure_future(give(c));
    std::vector<asyncio::task<counted>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(asyncio::create_task(give(c)));
    (void)co_await asyncio::wait(
        tasks, {.timeout = 1h, .return_when = asyncio::return_when::first_completed});
    for (auto next : asyncio::as_completed(tasks)) (void)co_await std::move(next);
}

coroutine<> waits_in_the_middle(future<> f) {
    const counted c;
    const std::string long_text(100, 'x');
    const auto both = [](counted a, int, std::string b, counted d) -> coroutine<int> {
        (void)a;
        (void)d;
        co_return static_cast<int>(b.size());
    };
    const auto number = [](future<> g) -> coroutine<int> {
        co_await g;
        co_return 1;
    };
    // Temporaries before and behind the one that suspends.
    check(co_await both(counted(c), co_await number(f), long_text + "y", counted()) == 101);
    check(co_await asyncio::sleep(0s, long_text + std::to_string(co_await number(f))) ==
          long_text + "1");
}

void ended_cancelled_and_dropped() {
    const auto loop = asyncio::new_event_loop();
    loop->set_exception_handler([](asyncio::event_loop&, const asyncio::exception_context&) {});
    const auto f = loop->create_future();
    const auto ends = loop->create_task(waits_in_the_middle(f));
    const auto cancelled = loop->create_task(waits_in_the_middle(loop->create_future()));
    const auto dropped = loop->create_task(waits_in_the_middle(loop->create_future()));
    loop->run_ready();
    cancelled.cancel();
    f.set_result();
    loop->run_ready();
    ends.result();
    check(cancelled.cancelled());
    loop->close();
    check(dropped.cancelled());
}

}  // namespace

int main() {
    asyncio::run(every_awaitable());
    check(counted::alive == 0);
    ended_cancelled_and_dropped();
    check(counted::alive == 0);
}
