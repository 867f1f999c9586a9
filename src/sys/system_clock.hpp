// The system's clocks, past every replacement of clock_gettime in the program.
#pragma once

namespace asyncio::detail {

/// What clock_gettime(which, result) does: 0, or -1 with errno. `result` is a timespec.
int system_clock_gettime(int which, void* result) noexcept;

}  // namespace asyncio::detail
