// Generators for tests, and what they yield.
#pragma once

#include <utility>
#include <vector>

#include "asyncio/task/async_generator.hpp"
#include "compose/situations.hpp"

namespace generators {

/// 1 to n, with some rounds of the loop before each.
inline asyncio::async_generator<int> count(int n, int rounds_between = 0) {
    for (int i = 1; i <= n; ++i) {
        co_await situations::rounds(rounds_between);
        co_yield i;
    }
}

/// Everything that is left in it.
template <class T>
asyncio::coroutine<std::vector<T>> all(asyncio::async_generator<T> gen) {
    std::vector<T> items;
    for (auto item = co_await gen.next(); item; item = co_await gen.next())
        items.push_back(std::move(*item));
    co_return items;
}

}  // namespace generators
