#include "asyncio/base/delay.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace delay_test {

using namespace std::chrono_literals;
using asyncio::delay;
using std::chrono::nanoseconds;

TEST(delay, is_nothing_by_default) {
    EXPECT_EQ(delay().nanoseconds(), 0ns);
    EXPECT_FALSE(delay().is_forever());
}

TEST(delay, takes_every_duration) {
    EXPECT_EQ(delay(3s).nanoseconds(), 3'000'000'000ns);
    EXPECT_EQ(delay(250ms).nanoseconds(), 250'000'000ns);
    EXPECT_EQ(delay(7ns).nanoseconds(), 7ns);
    EXPECT_EQ(delay(2h).nanoseconds(), 2h);
    EXPECT_EQ(delay(0.5s).nanoseconds(), 500ms);
    EXPECT_EQ(delay(1.5ms).nanoseconds(), 1'500'000ns);
    EXPECT_EQ(delay(std::chrono::duration<int, std::ratio<1, 3>>(1)).nanoseconds(), 333'333'334ns);
}

TEST(delay, rounds_up_to_a_nanosecond) {
    EXPECT_EQ(delay(std::chrono::duration<double, std::nano>(1.25)).nanoseconds(), 2ns);
    EXPECT_EQ(delay(std::chrono::duration<double, std::nano>(-1.25)).nanoseconds(), -1ns);
    EXPECT_EQ(delay(std::chrono::duration<int, std::pico>(1)).nanoseconds(), 1ns);
}

TEST(delay, keeps_negative_spans) { EXPECT_EQ(delay(-2s).nanoseconds(), -2s); }

TEST(delay, nullopt_is_forever) {
    EXPECT_TRUE(delay(std::nullopt).is_forever());
    EXPECT_TRUE(delay::forever().is_forever());
}

TEST(delay, saturates_without_becoming_forever) {
    const delay years(std::chrono::hours::max());
    EXPECT_FALSE(years.is_forever());
    EXPECT_GT(years.nanoseconds(), 24h * 365 * 250);
    EXPECT_EQ(delay(std::chrono::hours::min()).nanoseconds(), nanoseconds::min());
    constexpr double infinity = std::numeric_limits<double>::infinity();
    EXPECT_FALSE(delay(std::chrono::duration<double>(infinity)).is_forever());
    EXPECT_EQ(delay(std::chrono::duration<double>(infinity)).nanoseconds(), years.nanoseconds());
    EXPECT_EQ(delay(std::chrono::duration<double>(-infinity)).nanoseconds(), nanoseconds::min());
}

// S5: NaN is an error.
TEST(delay, refuses_what_is_not_a_number) {
    try {
        (void)delay(std::chrono::duration<double>(std::nan("")));
        FAIL();
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "asyncio: a delay is not a number (NaN)");
    }
}

TEST(delay, counts_from_a_moment) {
    const asyncio::time_point t(5s);
    EXPECT_EQ(delay(2s).after(t), asyncio::time_point(7s));
    EXPECT_EQ(delay(-7s).after(t), asyncio::time_point(-2s));
    EXPECT_EQ(delay::forever().after(t), asyncio::time_point::max());
    EXPECT_EQ(delay(nanoseconds::min()).after(asyncio::time_point(-1ns)),
              asyncio::time_point::min());
    static_assert(std::is_same_v<asyncio::clock, std::chrono::steady_clock>);
}

TEST(delay, is_a_constant) {
    constexpr delay d = 2min;
    static_assert(d.nanoseconds() == 120s);
    static_assert(!d.is_forever());
    EXPECT_EQ(d.nanoseconds(), 120s);
}

}  // namespace delay_test
