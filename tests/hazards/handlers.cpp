// co_return and throw in exception handlers, and awaits around them.
#include <asyncio/asyncio.hpp>
#include <stdexcept>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<int> fails(int which) {
    const counted local;
    co_await asyncio::sleep(0s);
    if (which == 1) throw std::runtime_error("one");
    if (which == 2) throw 2;
    co_return which;
}

coroutine<int> returns_in_a_handler(int which) {
    const counted local;
    try {
        co_return co_await fails(which);
    } catch (const std::runtime_error& e) {
        const std::string what = e.what();
        if (what == "one") co_return 11;
    } catch (int n) {
        co_return n * 10;
    }
    co_return -1;
}

coroutine<> returns_nothing_in_a_handler() {
    try {
        (void)co_await fails(1);
    } catch (const std::exception&) {
        co_return;
    }
    check(false);
}

coroutine<int> throws_in_a_handler() {
    try {
        (void)co_await fails(1);
    } catch (const std::runtime_error&) {
        throw std::logic_error("from the handler");
    }
    co_return 1;
}

coroutine<int> loops_over_failures() {
    int caught = 0;
    for (int i = 0; i < 10; ++i) {
        const counted in_loop;
        try {
            (void)co_await fails(i % 3);
            continue;
        } catch (...) {
            ++caught;
        }
        co_await asyncio::sleep(0s);
    }
    co_return caught;
}

coroutine<int> nested() {
    int log = 0;
    try {
        try {
            (void)co_await fails(2);
        } catch (int) {
            log += 1;
            throw;
        }
    } catch (int) {
        log += 10;
    }
    co_return log + co_await fails(100);
}

coroutine<> program() {
    check(co_await returns_in_a_handler(0) == 0);
    check(co_await returns_in_a_handler(1) == 11);
    check(co_await returns_in_a_handler(2) == 20);
    co_await returns_nothing_in_a_handler();
    std::string what;
    try {
        (void)co_await throws_in_a_handler();
    } catch (const std::logic_error& e) {
        what = e.what();
    }
    check(what == "from the handler");
    check(co_await loops_over_failures() == 6);
    check(co_await nested() == 111);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
