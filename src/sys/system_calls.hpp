// Calls of the system, past every replacement of them in the program.
#pragma once

namespace asyncio::detail {

/// What clock_gettime(which, result) does: 0, or -1 with errno. `result` is a timespec.
int system_clock_gettime(int which, void* result) noexcept;
/// What socket(family, type, protocol) does: a descriptor, or -1 with errno.
int system_socket(int family, int type, int protocol) noexcept;

}  // namespace asyncio::detail
