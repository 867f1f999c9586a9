// Small programs over every room of the library, which the drivers of the testing room run under
// many seeds and disturb at every point.
#pragma once

#include <span>
#include <stdexcept>
#include <string_view>

#include "asyncio/base/delay.hpp"
#include "asyncio/task/coroutine.hpp"

namespace scenarios {

struct scenario {
    std::string_view name;
    asyncio::coroutine<> (*main)();
    /// Looks at what the program kept; throws if something is missing. May be null.
    void (*check)();
};

/// Of a program that nobody disturbs. A part that was cancelled or has failed leaves less behind:
/// then it ends with an error, as programs do.
inline void expect_work(bool done) {
    if (!done) throw std::runtime_error("a part of the program has not done its work");
}

/// How long the tasks of a group wait for one another. A driver that cancels single tasks sets it:
/// then those that wait for a cancelled one give up.
inline asyncio::delay patience = asyncio::delay::forever();

/// Those that need no network.
[[nodiscard]] std::span<const scenario> of_task();
[[nodiscard]] std::span<const scenario> of_compose();
[[nodiscard]] std::span<const scenario> of_sync();
/// Those with sockets and streams.
[[nodiscard]] std::span<const scenario> of_streams();

}  // namespace scenarios
