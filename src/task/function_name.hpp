// The names of coroutines as people write them.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

namespace asyncio::detail {

/// The name in what a compiler says of a function: "asyncio::coroutine<int> app::load(int) [with
/// ...]" is "app::load". Gives back what it does not understand.
[[nodiscard]] std::string readable_name(std::string_view signature);
[[nodiscard]] inline std::string readable_name(const std::source_location& function) {
    return readable_name(function.function_name());
}

/// A coroutine of the library that only carries a user's: reports leave it out, or show it under
/// the user's name.
[[nodiscard]] bool is_wrapper(const std::source_location& function,
                              const std::source_location& where);

}  // namespace asyncio::detail
