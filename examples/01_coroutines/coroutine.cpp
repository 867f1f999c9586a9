// Calling a coroutine runs nothing. It makes an object, which runs when it is awaited.
//
// EXPECT-STDOUT: called: nothing has run
// EXPECT-STDOUT: add_one(1) runs
// EXPECT-STDOUT: add_one(2) runs
// EXPECT-STDOUT: run gave 3
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <utility>

asyncio::coroutine<int> add_one(int number) {
    std::printf("  add_one(%d) runs\n", number);
    co_return number + 1;
}

asyncio::coroutine<int> async_main() {
    auto later = add_one(1);
    std::puts("  called: nothing has run");

    const int two = co_await std::move(later);  // runs it here, and gives its result
    const int three = co_await add_one(two);    // mostly both stand in one line
    co_return three;
}

int main() {
    std::puts("A coroutine runs when it is awaited, not when it is called.");
    const int result = asyncio::run(async_main());
    std::printf("  run gave %d\n", result);
}
