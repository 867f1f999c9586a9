// The native stack of the code that runs, for reports.
#pragma once

#include <string>
#include <vector>

namespace asyncio::detail {

/// The calls that led here, innermost first.
[[nodiscard]] std::vector<const void*> current_calls();
/// The same as lines, without the testing room's own.
[[nodiscard]] std::string calls_text(const std::vector<const void*>& calls, int most);

}  // namespace asyncio::detail
