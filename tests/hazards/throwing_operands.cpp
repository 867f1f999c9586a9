// An exception inside the operand of a co_await: what was made so far is destroyed once.
#include <asyncio/asyncio.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<int> takes(counted, std::string, int n, counted) {
    co_await asyncio::sleep(0s);
    co_return n;
}
int throws(bool yes) {
    if (yes) throw std::runtime_error("in an argument");
    return 1;
}
coroutine<int> throws_late(bool yes) {
    co_await asyncio::sleep(0s);
    if (yes) throw std::runtime_error("in an awaited argument");
    co_return 1;
}
struct copy_throws {
    explicit copy_throws(int) {}
    copy_throws(const copy_throws&) { throw std::runtime_error("in a copy"); }
};
coroutine<int> takes_what_throws(counted, copy_throws, counted) { co_return 1; }

coroutine<int> attempt(int which) {
    const std::string text(50, 'x');
    const copy_throws poison(1);
    switch (which) {
        case 0:
            co_return co_await takes(counted(), text + "a", throws(true), counted());
        case 1: {
            const int n = co_await takes(counted(), text + "a", co_await throws_late(true), {});
            co_return n;
        }
        case 2:
            co_return co_await takes_what_throws(counted(), poison, counted());
        case 3: {
            const int n = co_await takes(counted(), text, co_await throws_late(false), counted()) +
                          throws(true);
            co_return n;
        }
        case 4:
            co_return co_await asyncio::create_task(takes(counted(), text, throws(true), {}));
        case 5:
            co_return co_await asyncio::create_task(takes_what_throws, counted(), std::ref(poison),
                                                    counted());
        default:
            co_return co_await takes(counted(), text, throws(false), counted());
    }
}

coroutine<> program() {
    for (int which = 0; which < 7; ++which) {
        std::string error;
        int value = 0;
        try {
            value = co_await attempt(which);
        } catch (const std::runtime_error& e) {
            error = e.what();
        }
        check((which == 6) == error.empty());
        check((which == 6) == (value == 1));
        check(counted::alive == 0);
    }
}

}  // namespace

int main() { asyncio::run(program()); }
