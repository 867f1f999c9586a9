// Structured bindings over co_await: pairs, tuples, structs and arrays.
#include <array>
#include <asyncio/asyncio.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

struct answer {
    int code = 0;
    std::string body;
    counted c;
};

coroutine<std::pair<int, std::string>> pair() {
    co_await asyncio::sleep(0s);
    co_return std::pair(1, std::string(50, 'p'));
}
coroutine<std::tuple<counted, std::string, int>> tuple() {
    co_return std::tuple(counted(), std::string(50, 't'), 3);
}
coroutine<answer> aggregate() {
    answer a;
    a.code = 200;
    a.body = std::string(50, 'b');
    co_await asyncio::sleep(0s);
    co_return a;
}
coroutine<std::array<std::string, 2>> array() {
    co_return std::array<std::string, 2>{std::string(50, 'x'), "y"};
}

coroutine<> program() {
    const auto [number, text] = co_await pair();
    check(number == 1 && text == std::string(50, 'p'));
    auto [c, word, three] = co_await tuple();
    check(word == std::string(50, 't') && three == 3);
    (void)c;
    auto&& [code, body, other] = co_await aggregate();
    check(code == 200 && body == std::string(50, 'b'));
    (void)other;
    const auto& [x, y] = co_await array();
    check(x == std::string(50, 'x') && y == "y");
    const auto [first, second] = co_await asyncio::gather(pair(), aggregate());
    check(first.first == 1 && second.code == 200);
    const std::vector<asyncio::task<answer>> tasks(1, asyncio::create_task(aggregate()));
    const auto [done, pending] = co_await asyncio::wait(tasks);
    check(done.size() == 1 && pending.empty());
    // One member of a temporary.
    check((co_await aggregate()).code == 200);
    check((co_await aggregate()).body.size() == 50);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
