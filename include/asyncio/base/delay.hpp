// A span of time as functions take it: any std::chrono duration, or forever.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>

// <chrono> adds calendars and their formatting to what is needed here, durations and clocks. Where
// libstdc++ keeps those by themselves, a program compiles a tenth faster without the rest.
#if defined(__GLIBCXX__) && __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif

namespace asyncio {

/// The clock of every loop. Under simulation its time is virtual, its type is the same.
using clock = std::chrono::steady_clock;
/// A moment of a loop's clock.
using time_point = std::chrono::time_point<clock, std::chrono::nanoseconds>;

/// How long: converts from every std::chrono duration (rounded up to a nanosecond, saturated), and
/// from std::nullopt, which means without a limit (Python's None). A duration that is not a number
/// throws std::invalid_argument. Negative spans are kept: a sleep treats them as zero, a timer
/// sorts by them.
class delay {
   public:
    constexpr delay() noexcept = default;
    constexpr delay(std::nullopt_t) noexcept : ns_(forever_ns) {}

    template <class Rep, class Period>
    constexpr delay(std::chrono::duration<Rep, Period> d) : ns_(to_ns(d)) {}

    template <class Number>
        requires std::integral<Number> || std::floating_point<Number>
    constexpr delay(Number) {
        static_assert(!sizeof(Number),
                      "a delay needs a unit: write 3s, 250ms or std::chrono::seconds(n)");
    }

    /// Without a limit.
    static constexpr delay forever() noexcept { return delay(std::nullopt); }
    [[nodiscard]] constexpr bool is_forever() const noexcept { return ns_ == forever_ns; }
    [[nodiscard]] constexpr std::chrono::nanoseconds nanoseconds() const noexcept {
        return std::chrono::nanoseconds(ns_);
    }
    /// `from` plus this span, saturated at the clock's end.
    [[nodiscard]] constexpr time_point after(time_point from) const noexcept {
        std::int64_t sum = 0;
        if (__builtin_add_overflow(from.time_since_epoch().count(), ns_, &sum))
            sum = ns_ < 0 ? std::numeric_limits<std::int64_t>::min() : forever_ns;
        return time_point(std::chrono::nanoseconds(sum));
    }

   private:
    static constexpr std::int64_t forever_ns = std::numeric_limits<std::int64_t>::max();

    template <class Rep, class Period>
    static constexpr std::int64_t to_ns(std::chrono::duration<Rep, Period> d) {
        if constexpr (std::is_integral_v<Rep> && 1'000'000'000 % Period::den == 0) {
            std::int64_t ns = 0;
            constexpr std::int64_t each = Period::num * (1'000'000'000 / Period::den);
            if (!__builtin_mul_overflow(d.count(), each, &ns)) return ns;
            return d.count() < 0 ? std::numeric_limits<std::int64_t>::min() : forever_ns - 1;
        } else {
            const auto ns = std::chrono::duration<long double, std::nano>(d).count();
            if (ns != ns) throw std::invalid_argument("asyncio: a delay is not a number (NaN)");
            if (ns >= 9.2e18L) return forever_ns - 1;
            if (ns <= -9.2e18L) return std::numeric_limits<std::int64_t>::min();
            const auto whole = static_cast<std::int64_t>(ns);
            return static_cast<long double>(whole) < ns ? whole + 1 : whole;
        }
    }
    std::int64_t ns_ = 0;
};

}  // namespace asyncio
