#pragma once

#include <string>

namespace asyncio::detail {

/// A name of the linker's or of a type_info as C++ writes it; what is none is given back.
[[nodiscard]] std::string demangle(const char* name);

}  // namespace asyncio::detail
