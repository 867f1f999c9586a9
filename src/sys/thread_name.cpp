#include "sys/thread_name.hpp"

#include <pthread.h>

namespace asyncio::detail {

void set_thread_name(const std::string& prefix, std::size_t number) noexcept {
    constexpr std::size_t room = 15;
    const std::string suffix = "_" + std::to_string(number);
    const std::size_t left = suffix.size() < room ? room - suffix.size() : 0;
    ::pthread_setname_np(::pthread_self(), (prefix.substr(0, left) + suffix).c_str());
}

}  // namespace asyncio::detail
