// g++ 12 destroys a lambda that owns its captures twice if it is made in one expression with
// co_await. The form for that: a callable and its arguments.
#include <asyncio/asyncio.hpp>
#include <memory>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<std::size_t> length(std::string text, counted) {
    co_await asyncio::sleep(0s);
    co_return text.size();
}
coroutine<int> value(std::unique_ptr<int> p) {
    co_await asyncio::sleep(0s);
    co_return *p;
}
struct service {
    coroutine<std::size_t> ask(std::string text, std::shared_ptr<int> count) {
        co_await asyncio::sleep(0s);
        ++*count;
        co_return text.size() + name.size();
    }
    std::string name = "a name that is too long for the small string optimisation";
};

coroutine<> program() {
    const std::string text(100, 'x');
    const auto count = std::make_shared<int>(0);
    check(co_await asyncio::create_task(length, text, counted()) == 100);
    check(co_await asyncio::create_task(length, std::string(200, 'x'), counted()) == 200);
    check(co_await asyncio::create_task({.name = "named"}, length, text, counted()) == 100);
    check(co_await asyncio::create_task(value, std::make_unique<int>(7)) == 7);
    service s;
    check(co_await asyncio::create_task(&service::ask, &s, text, count) > 100);
    check(co_await asyncio::wait_for(length(text, counted()), 1h) == 100);
    check(co_await asyncio::shield(value(std::make_unique<int>(8))) == 8);
    // Captures that need no destructor are harmless, also unnamed.
    const int n = 3;
    check(co_await asyncio::create_task([n]() -> coroutine<int> { co_return n; }) == 3);
    check(co_await asyncio::create_task(
              [&text]() -> coroutine<std::size_t> { co_return text.size(); }) == 100);
    check(*count == 1 && count.use_count() == 1);
    check(text == std::string(100, 'x'));
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
