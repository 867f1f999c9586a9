#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "program.hpp"

TEST_CASE("an exception is a failure") {
    CHECK_THROWS_AS((void)asyncio::testing::explore(expects_the_usual),
                    asyncio::testing::exploration_failed);
}

asyncio::coroutine<> uses_its_macros() {
    const int balance = co_await bank();
    REQUIRE(balance == 50);
}

TEST_CASE("a good seed passes") {
    asyncio::testing::simulate(uses_its_macros, {.strategy = asyncio::testing::scheduling::fifo});
}

TEST_CASE("REQUIRE ends the run" * doctest::should_fail()) {
    (void)asyncio::testing::explore(uses_its_macros, {.minimise = false});
}
