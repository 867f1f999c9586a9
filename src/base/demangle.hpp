// Names of functions and types as C++ writes them.
#pragma once

#include <string>
#include <string_view>

namespace asyncio::detail {

/// A name of the linker's or of a type_info as C++ writes it; what is none is given back.
[[nodiscard]] std::string demangle(const char* name);

/// "net::serve(int)" of "net::serve(serve(int)::_Z5servei.Frame*) [clone .actor]", which g++ writes
/// for a coroutine.
[[nodiscard]] std::string without_frame(std::string_view name);

}  // namespace asyncio::detail
