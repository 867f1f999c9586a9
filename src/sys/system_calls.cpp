#include "sys/system_calls.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace asyncio::detail {

int system_clock_gettime(int which, void* result) noexcept {
    return static_cast<int>(::syscall(SYS_clock_gettime, which, result));
}

int system_socket(int family, int type, int protocol) noexcept {
    return static_cast<int>(::syscall(SYS_socket, family, type, protocol));
}

}  // namespace asyncio::detail
