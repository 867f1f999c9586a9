// g++ 12 gives a coroutine with co_await in a condition and no local variable around it a broken
// frame. The safe form: name the result. (tests/death/broken_frame.cpp shows the other one.)
#include <asyncio/asyncio.hpp>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;

int left = 3;

coroutine<bool> more() {
    co_await asyncio::sleep(0s);
    co_return left-- > 0;
}
coroutine<int> kind() { co_return 2; }

coroutine<> with_if() {
    const bool go_on = co_await more();
    if (go_on) co_return;
    check(false);
}
coroutine<int> with_while() {
    int rounds = 0;
    for (;;) {
        const bool go_on = co_await more();
        if (!go_on) break;
        ++rounds;
    }
    co_return rounds;
}
coroutine<int> with_switch() {
    const int k = co_await kind();
    switch (k) {
        case 2:
            co_return 20;
        default:
            co_return 0;
    }
}
// No local at all, and no condition.
coroutine<> without_locals() {
    co_await more();
    co_await asyncio::sleep(0s);
    try {
        co_await more();
    } catch (...) {
        throw;
    }
}

coroutine<> program() {
    co_await with_if();
    check(co_await with_while() == 2);
    check(co_await with_switch() == 20);
    co_await without_locals();
}

}  // namespace

int main() { asyncio::run(program()); }
