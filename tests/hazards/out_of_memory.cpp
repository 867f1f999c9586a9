// Each allocation of a program fails once, in turn: the error is an exception, nothing crashes,
// hangs, or is destroyed twice or never.
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/check.hpp"

namespace {

bool armed = false;
bool fired = false;
long allowed = 0;

void* allocate(std::size_t size) {
    if (armed && allowed-- == 0) {
        armed = false;
        fired = true;
        throw std::bad_alloc();
    }
    void* p = std::malloc(size != 0 ? size : 1);
    if (p == nullptr) throw std::bad_alloc();
    return p;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

const asyncio::context_var<int> variable("variable", 0);

coroutine<int> leaf(int n, counted) {
    const counted local;
    co_await asyncio::sleep(0s);
    co_return n;
}
coroutine<int> tree(int depth) {
    const counted local;
    if (depth == 0) co_return co_await leaf(1, {});
    const int left = co_await tree(depth - 1);
    const int right = co_await asyncio::create_task(tree(depth - 1));
    co_return left + right;
}
coroutine<> fails() {
    const counted local;
    co_await asyncio::sleep(0s);
    throw std::runtime_error("expected");
}
coroutine<> sleeps() {
    const counted local;
    co_await asyncio::sleep(1h);
}

coroutine<int> program() {
    asyncio::event_loop& loop = asyncio::get_running_loop();
    (void)variable.set(1);
    int sum = co_await tree(3);
    const auto f = loop.create_future<std::string>();
    f.add_done_callback([c = counted()](const asyncio::future<std::string>&) { (void)c; });
    loop.call_soon([f, c = counted()] {
        if (f.done()) return;
        try {
            f.set_result(std::string(100, 'x'));
        } catch (const std::bad_alloc&) {
            f.set_exception(std::current_exception());  // or it would be awaited for ever
        }
    });
    sum += static_cast<int>((co_await f).size());
    loop.call_later(1us, [c = counted()] { (void)c; });
    const auto sleeper =
        asyncio::create_task(sleeps(), {.name = "a name that needs memory of its own"});
    co_await asyncio::sleep(10us);
    sleeper.cancel("a message that needs memory of its own");
    try {
        co_await sleeper;
    } catch (const asyncio::cancelled_error& e) {
        sum += static_cast<int>(e.describe().size() > 10);
    }
    (void)asyncio::create_task(fails());  // reported
    try {
        co_await asyncio::create_task(fails());
    } catch (const std::runtime_error&) {
        ++sum;
    }
    const auto [a, b] = co_await asyncio::gather(leaf(1, {}), leaf(2, {}));
    sum += a + b;
    try {
        co_await asyncio::wait_for(sleeps(), 1us);
    } catch (const asyncio::timeout_error&) {
        ++sum;
    }
    (void)asyncio::create_task(sleeps());  // cancelled at the end
    co_await asyncio::sleep(0s);
    co_return sum;
}

void dropped() {
    const auto loop = asyncio::new_event_loop();
    (void)loop->create_task(tree(3));
    (void)loop->create_task(sleeps());
    loop->run_ready();
}

template <class F>
void fail_each_allocation(F f) {
    for (long n = 0;; ++n) {
        fired = false;
        allowed = n;
        armed = true;
        try {
            f();
        } catch (...) {
            check(fired);
        }
        armed = false;
        if (counted::alive != 0)
            std::printf("%d objects are left after the failure of allocation %ld\n", counted::alive,
                        n);
        check(counted::alive == 0);
        if (!fired) return;
    }
}

}  // namespace

int main() {
    check(std::freopen("/dev/null", "w", stderr) != nullptr);  // reports are not what is tested
    fail_each_allocation([] { (void)asyncio::run(program()); });
    fail_each_allocation(dropped);
}
