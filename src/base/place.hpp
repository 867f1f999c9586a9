// A place in the program, as reports write it.
#pragma once

#include <source_location>
#include <string>

namespace asyncio::detail {

/// "client.cpp:42"
[[nodiscard]] inline std::string place_text(std::source_location where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace asyncio::detail
