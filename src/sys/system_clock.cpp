#include "sys/system_clock.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace asyncio::detail {

int system_clock_gettime(int which, void* result) noexcept {
    return static_cast<int>(::syscall(SYS_clock_gettime, which, result));
}

}  // namespace asyncio::detail
