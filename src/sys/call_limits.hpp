// What a call may use of its process: CPU time and memory. One thread, in a process of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace asyncio::detail {

struct call_limits {
    static constexpr std::uint64_t unlimited = ~std::uint64_t{0};
    std::uint64_t cpu_ns = unlimited;
    std::uint64_t memory = unlimited;  ///< bytes beyond those that the process has already
};

/// From now on. More CPU time ends the process with SIGXCPU; more memory is refused to malloc.
/// errno or 0.
int begin_limits(const call_limits& limits) noexcept;
/// As it was before.
void end_limits(const call_limits& limits) noexcept;

/// True for the signal that ends a process at its limit of CPU time.
[[nodiscard]] bool is_cpu_limit_signal(int number) noexcept;

}  // namespace asyncio::detail
