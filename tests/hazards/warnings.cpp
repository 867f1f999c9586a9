// Ordinary use of the library compiles without a warning under every flag that these tests are
// built with, and under sanitizers at -O2, where compilers are known to complain without reason:
// operators new and delete of promises, discarded results, shadowed names, unused parameters,
// conversions of durations, members of unions.
#include <array>
#include <asyncio/asyncio.hpp>
#include <string>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;

coroutine<> nothing() { co_return; }
coroutine<std::array<char, 4096>> large() { co_return {}; }
coroutine<int> unused([[maybe_unused]] int n) { co_return 1; }
void plain() {}

coroutine<long> everything(int loop) {
    co_await nothing();
    (void)co_await large();
    long sum = co_await unused(loop);
    asyncio::event_loop& l = asyncio::get_running_loop();
    l.call_soon(plain);
    l.call_later(0.001s, [](int state, float) { (void)state; }, 1, 2.0f);
    const auto f = l.create_future<unsigned char>();
    f.set_result(static_cast<unsigned char>(1));
    sum += co_await f;
    const auto t = asyncio::create_task(unused, 3);
    t.add_done_callback([](const asyncio::future<int>&) {});
    sum += co_await t;
    co_await asyncio::sleep(0.5ms);
    co_await asyncio::wait_for(asyncio::sleep(0.5ms), 1min);
    co_await asyncio::create_task(asyncio::sleep(0.5ms));
    std::vector<asyncio::task<int>> tasks;
    tasks.push_back(asyncio::create_task(unused(1)));
    const auto [done, pending] = co_await asyncio::wait(tasks, {.timeout = 1min});
    sum += static_cast<long>(done.size() - pending.size());
    const auto [a, b] = co_await asyncio::gather(unused(1), asyncio::sleep(0s, 2.5));
    sum += a + static_cast<long>(b);
    co_return sum;
}

}  // namespace

int main() { check(asyncio::run(everything(0)) == 7); }
