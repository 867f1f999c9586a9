// What the compiler must offer, and the few macros of the library.
#pragma once

#define ASYNCIO_VERSION_MAJOR 0
#define ASYNCIO_VERSION_MINOR 1
#define ASYNCIO_VERSION_PATCH 0

#if __cplusplus < 202002L
#error "asyncio needs C++20: compile with -std=c++20"
#endif

#include <version>
#if !defined(__cpp_impl_coroutine) || !defined(__cpp_lib_coroutine)
#error "asyncio needs coroutines: use g++ 12 or later, or clang 19 or later, with -std=c++20"
#endif

// g++ 12 miscompiles two shapes of co_await; the library refuses or reports both (docs/gcc12.md).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define ASYNCIO_GCC12 1
#else
#define ASYNCIO_GCC12 0
#endif

// The frame pool hides use-after-free from the address sanitizer, so it steps aside under it.
#if defined(__SANITIZE_ADDRESS__)
#define ASYNCIO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASYNCIO_ASAN 1
#endif
#endif
#ifndef ASYNCIO_ASAN
#define ASYNCIO_ASAN 0
#endif

// A thread_local that costs one instruction, also in a shared library.
#define ASYNCIO_THREAD_LOCAL constinit thread_local __attribute__((tls_model("initial-exec")))
