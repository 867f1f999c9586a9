// A chain of 100,000 coroutines, each awaiting the next: it may end, fail, be cancelled, or be
// destroyed half-way, on a stack of 8 MiB; under the thread sanitizer, too.
//
// The address sanitizer's fake stack would fill up with the frames of 100,000 exceptions, and then
// be searched for every call:
// ENV: ASAN_OPTIONS=detect_stack_use_after_return=0
#include <asyncio/asyncio.hpp>
#include <stdexcept>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using asyncio::future;
using namespace std::chrono_literals;
using support::check;
using support::counted;

support::stack stack;
constexpr int depth = 100'000;

/// Ends as `f` does; each level has a local to be destroyed.
coroutine<int> chain(int n, future<int> f) {
    const counted local;
    stack.probe();
    if (n == 0) co_return co_await f;
    const int below = co_await chain(n - 1, f);
    co_return below + 1;
}

coroutine<int> chain_that_never_suspends(int n) {
    stack.probe();
    if (n == 0) co_return 0;
    const int below = co_await chain_that_never_suspends(n - 1);
    co_return below + 1;
}

/// Suspends on the way down and on the way up.
coroutine<int> chain_that_yields(int n) {
    if (n % 1000 == 0) co_await asyncio::sleep(0s);
    const int below = n == 0 ? 0 : co_await chain_that_yields(n - 1);
    if (n % 1000 == 0) co_await asyncio::sleep(0s);
    co_return below + 1;
}

coroutine<int> chain_that_catches(int n, future<int> f) {
    int below = 0;
    std::exception_ptr error;
    try {
        below = n == 0 ? co_await f : co_await chain_that_catches(n - 1, f);
    } catch (...) {
        error = std::current_exception();
    }
    if (error && n % 2 == 0) std::rethrow_exception(error);
    if (error) throw std::runtime_error("level " + std::to_string(n));
    co_return below;
}

void finished(asyncio::event_loop& loop) {
    check(loop.run_until_complete(chain_that_never_suspends(depth)) == depth);
    check(loop.run_until_complete(chain_that_yields(depth)) == depth + 1);
    const auto f = loop.create_future<int>();
    const auto t = loop.create_task(chain(depth, f));
    loop.run_ready();
    check(counted::alive == depth + 1);
    check(t.get_stack().size() == depth + 1);
    f.set_result(1);
    check(loop.run_until_complete(t) == depth + 1);
}

void failing(asyncio::event_loop& loop) {
    const auto f = loop.create_future<int>();
    const auto t = loop.create_task(chain(depth, f));
    const auto other = loop.create_task(chain_that_catches(support::sanitized ? 1000 : 10'000, f));
    loop.run_ready();
    f.set_exception(std::runtime_error("from the bottom"));
    loop.run_ready();
    check(asyncio::detail::describe(t.exception()) == "std::runtime_error: from the bottom");
    check(other.exception() != nullptr);
}

void cancelled(asyncio::event_loop& loop) {
    const auto f = loop.create_future<int>();
    const auto t = loop.create_task(chain(depth, f));
    loop.run_ready();
    t.cancel("enough");
    check(f.cancelled());
    loop.run_ready();
    check(t.cancelled());
}

void dropped() {
    const auto loop = asyncio::new_event_loop();
    int told = 0;
    loop->set_exception_handler(
        [&](asyncio::event_loop&, const asyncio::exception_context&) { ++told; });
    const auto f = loop->create_future<int>();
    const auto t = loop->create_task(chain(depth, f));
    const auto unstarted = loop->create_task(chain(depth, f));
    loop->stop();
    loop->run_forever();
    loop->close();
    check(t.cancelled() && unstarted.cancelled() && told == 2);
}

void in_debug_mode() {
    const auto loop = asyncio::new_event_loop();
    loop->set_debug(true);
    loop->slow_callback_duration(1h);
    cancelled(*loop);
}

}  // namespace

int main() {
    const auto loop = asyncio::new_event_loop();
    finished(*loop);
    check(counted::alive == 0);
    failing(*loop);
    check(counted::alive == 0);
    cancelled(*loop);
    check(counted::alive == 0);
    dropped();
    check(counted::alive == 0);
    in_debug_mode();
    check(counted::alive == 0);
    check(stack.take_depth() < 1'000'000);
}
