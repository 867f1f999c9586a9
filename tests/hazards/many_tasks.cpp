// A hundred thousand tasks at once: they end, are gathered, cancelled, and dropped; under the
// thread sanitizer, too.
#include <asyncio/asyncio.hpp>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using asyncio::task;
using namespace std::chrono_literals;
using support::check;
using support::counted;

support::stack stack;
constexpr int count = 100'000;

coroutine<int> works(int n) {
    const counted local;
    co_await asyncio::sleep(0s);
    stack.probe();
    co_await asyncio::sleep(std::chrono::microseconds(n % 1000));
    co_return n;
}
coroutine<> waits() {
    const counted local;
    co_await asyncio::sleep(1h);
}

coroutine<> awaits_them() {
    std::vector<task<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(asyncio::create_task(works(i)));
    long sum = 0;
    for (const task<int>& t : tasks) sum += co_await t;
    check(sum == static_cast<long>(count) * (count - 1) / 2);
}

coroutine<> gathers_them() {
    std::vector<coroutine<int>> all;
    for (int i = 0; i < count; ++i) all.push_back(works(i));
    const std::vector<int> results = co_await asyncio::gather(std::move(all));
    check(results.size() == count && results[12345] == 12345);
}

coroutine<> cancels_a_gather() {
    std::vector<coroutine<>> all;
    for (int i = 0; i < count; ++i) all.push_back(waits());
    auto g = asyncio::gather(std::move(all));
    const auto gathers = [](auto gathered) -> coroutine<> { co_await std::move(gathered); };
    const auto t = asyncio::create_task(gathers(std::move(g)));
    co_await asyncio::sleep(0s);
    co_await asyncio::sleep(0s);
    check(counted::alive == count);
    t.cancel();
    bool cancelled = false;
    try {
        co_await t;
    } catch (const asyncio::cancelled_error&) {
        cancelled = true;
    }
    check(cancelled && counted::alive == 0);
}

coroutine<> leaves_them() {
    for (int i = 0; i < count; ++i) (void)asyncio::create_task(waits());
    co_await asyncio::sleep(0s);
}

void drops_them() {
    const auto loop = asyncio::new_event_loop();
    int told = 0;
    loop->set_exception_handler(
        [&](asyncio::event_loop&, const asyncio::exception_context&) { ++told; });
    for (int i = 0; i < count; ++i) (void)loop->create_task(waits());
    loop->run_ready();
    check(counted::alive == count);
    loop->close();
    check(told == count);
}

}  // namespace

int main() {
    asyncio::run(awaits_them());
    asyncio::run(gathers_them());
    asyncio::run(cancels_a_gather());
    asyncio::run(leaves_them());  // they are cancelled and awaited
    drops_them();
    check(counted::alive == 0);
    check(stack.take_depth() < 100'000);
}
