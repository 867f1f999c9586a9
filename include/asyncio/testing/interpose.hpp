// The program's operator new, its wall clock and its sockets, for programs that include
// <asyncio/testing.hpp>: so that tests can let an allocation fail, find what was never freed, and
// notice who asks the real system inside a simulation. Outside simulations all of them do what they
// always do.
//
// The definitions are weak: a program that replaces operator new itself keeps its own, and then
// only the library's own allocations are seen. Define ASYNCIO_TESTING_INTERPOSE to 0 to have none
// of this.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <new>

#include "asyncio/base/config.hpp"

#ifndef ASYNCIO_TESTING_INTERPOSE
#define ASYNCIO_TESTING_INTERPOSE 1
#endif

namespace asyncio::detail {

/// What operator new and delete of the program do.
[[nodiscard]] void* sim_new(std::size_t size);
[[nodiscard]] void* sim_new_nothrow(std::size_t size) noexcept;
void sim_delete(void* p) noexcept;
/// The program asks for the time of a clock of the system.
int sim_clock_gettime(int which, void* result) noexcept;
/// The program opens a socket of the system.
int sim_socket_call(int family, int type, int protocol) noexcept;

}  // namespace asyncio::detail

#if ASYNCIO_TESTING_INTERPOSE

// NOLINTBEGIN: the standard fixes these forms
[[gnu::weak]] void* operator new(std::size_t size) { return asyncio::detail::sim_new(size); }
[[gnu::weak]] void* operator new[](std::size_t size) { return asyncio::detail::sim_new(size); }
[[gnu::weak]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return asyncio::detail::sim_new_nothrow(size);
}
[[gnu::weak]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return asyncio::detail::sim_new_nothrow(size);
}
[[gnu::weak]] void operator delete(void* p) noexcept { asyncio::detail::sim_delete(p); }
[[gnu::weak]] void operator delete[](void* p) noexcept { asyncio::detail::sim_delete(p); }
[[gnu::weak]] void operator delete(void* p, std::size_t) noexcept {
    asyncio::detail::sim_delete(p);
}
[[gnu::weak]] void operator delete[](void* p, std::size_t) noexcept {
    asyncio::detail::sim_delete(p);
}
[[gnu::weak]] void operator delete(void* p, const std::nothrow_t&) noexcept {
    asyncio::detail::sim_delete(p);
}
[[gnu::weak]] void operator delete[](void* p, const std::nothrow_t&) noexcept {
    asyncio::detail::sim_delete(p);
}

#ifdef __SANITIZE_THREAD__
#define ASYNCIO_TESTING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ASYNCIO_TESTING_TSAN 1
#endif
#endif

// The thread sanitizer has a socket of its own; both sanitizers have a clock_gettime. By its label,
// because `socket` is asyncio's word, too.
#ifndef ASYNCIO_TESTING_TSAN
extern "C" int asyncio_testing_socket(int family, int type, int protocol) noexcept
    __asm__("socket");
extern "C" [[gnu::weak]] int asyncio_testing_socket(int family, int type, int protocol) noexcept {
    return asyncio::detail::sim_socket_call(family, type, protocol);
}
#endif
#if !ASYNCIO_ASAN && !defined(ASYNCIO_TESTING_TSAN)
extern "C" [[gnu::weak]] int clock_gettime(clockid_t which, timespec* result) noexcept {
    return asyncio::detail::sim_clock_gettime(static_cast<int>(which), result);
}
#endif
// NOLINTEND

#endif
