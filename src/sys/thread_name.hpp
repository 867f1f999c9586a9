// Threads as the system sees them: their names, and which one is main()'s.
#pragma once

#include <cstddef>
#include <string>

namespace asyncio::detail {

/// Names the current thread "prefix_number". The prefix is cut if the system has no room for it.
void set_thread_name(const std::string& prefix, std::size_t number) noexcept;
/// Is this the thread that the process began with?
[[nodiscard]] bool in_main_thread() noexcept;

}  // namespace asyncio::detail
