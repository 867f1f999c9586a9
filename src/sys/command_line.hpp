// How this process was started, and whether somebody watches it.
#pragma once

#include <string>

namespace asyncio::detail {

/// The program and its arguments, quoted for a shell. Empty if the system does not tell.
[[nodiscard]] std::string command_line();
/// Is standard error a terminal?
[[nodiscard]] bool errors_go_to_terminal() noexcept;

}  // namespace asyncio::detail
