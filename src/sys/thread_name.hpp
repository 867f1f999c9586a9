// The names of threads, as the system's tools show them.
#pragma once

#include <cstddef>
#include <string>

namespace asyncio::detail {

/// Names the current thread "prefix_number". The prefix is cut if the system has no room for it.
void set_thread_name(const std::string& prefix, std::size_t number) noexcept;

}  // namespace asyncio::detail
