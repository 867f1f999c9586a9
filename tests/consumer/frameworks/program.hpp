// A program with a bug that only some seeds find, for the tests of every framework.
#pragma once

#include <asyncio/asyncio.hpp>
#include <asyncio/testing.hpp>

using namespace std::chrono_literals;

inline asyncio::coroutine<> withdraw(int& balance, int amount) {
    const int before = balance;
    co_await asyncio::sleep(0s);  // the amount is out of date now
    balance = before - amount;
}

inline asyncio::coroutine<int> bank() {
    int balance = 100;
    co_await asyncio::gather(asyncio::create_task(withdraw, std::ref(balance), 30),
                             asyncio::create_task(withdraw, std::ref(balance), 50));
    co_return balance;
}

/// As long as both begin before one ends, the last one wins.
inline asyncio::coroutine<> expects_the_usual() {
    const int balance = co_await bank();
    asyncio::testing::expect(balance == 50, "the second withdrawal wins");
}
