#include <gtest/gtest.h>

#include "program.hpp"

TEST(gtest, takes_an_exception_for_a_failure) {
    EXPECT_THROW((void)asyncio::testing::explore(expects_the_usual),
                 asyncio::testing::exploration_failed);
}

asyncio::coroutine<> uses_its_macros() {
    const int balance = co_await bank();
    EXPECT_EQ(balance, 50);
}

std::uint64_t runs = 0;

TEST(gtest, is_asked_for_failures) {
    try {
        (void)asyncio::testing::explore(uses_its_macros,
                                        {.has_failed = [] { return testing::Test::HasFailure(); }});
    } catch (const asyncio::testing::exploration_failed& e) {
        runs = e.found().runs;
    }
}

/// The second test must have failed, at its first failing seed of a thousand.
int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const bool failed = RUN_ALL_TESTS() != 0;
    const bool once = testing::UnitTest::GetInstance()->failed_test_count() == 1;
    return failed && once && runs > 0 && runs < 1000 ? 0 : 1;
}
