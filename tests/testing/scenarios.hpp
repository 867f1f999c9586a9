// Small programs over every room of the library, which the drivers of the testing room run under
// many seeds and disturb at every point.
#pragma once

#include <span>
#include <string_view>

#include "asyncio/task/coroutine.hpp"

namespace scenarios {

struct scenario {
    std::string_view name;
    asyncio::coroutine<> (*main)();
    /// Looks at what the program kept; throws if something is missing. May be null.
    void (*check)();
};

/// Those that need no network.
[[nodiscard]] std::span<const scenario> of_compose();
[[nodiscard]] std::span<const scenario> of_sync();
/// Those with sockets and streams.
[[nodiscard]] std::span<const scenario> of_streams();

}  // namespace scenarios
