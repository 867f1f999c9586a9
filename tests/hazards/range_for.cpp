// range-for over co_await, and co_await inside its body.
#include <asyncio/asyncio.hpp>
#include <map>
#include <string>
#include <vector>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<std::vector<std::string>> words() {
    co_await asyncio::sleep(0s);
    std::vector<std::string> result(3, std::string(50, 'w'));
    co_return result;
}
coroutine<std::map<int, counted>> table() {
    std::map<int, counted> result;
    for (int i = 0; i < 3; ++i) result[i];
    co_return result;
}
coroutine<std::size_t> length(std::string text) {
    co_await asyncio::sleep(0s);
    co_return text.size();
}

coroutine<> program() {
    std::size_t sum = 0;
    for (const std::string& word : co_await words()) sum += co_await length(word);
    check(sum == 150);
    int keys = 0;
    for (const auto& [key, value] : co_await table()) {
        co_await asyncio::sleep(0s);
        keys += key;
        (void)value;
    }
    check(keys == 3);
    for (auto word : co_await words()) {
        word += co_await asyncio::sleep(0s, std::string("!"));
        check(word.size() == 51);
        if (word.size() > 50) break;  // leaves the range alive until here
    }
    std::vector<coroutine<std::size_t>> all;
    for (int i = 0; i < 3; ++i) all.push_back(length(std::string(20, 'x')));
    for (const std::size_t n : co_await asyncio::gather(std::move(all))) check(n == 20);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
