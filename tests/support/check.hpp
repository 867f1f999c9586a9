// For test programs without a framework: a check that ends the program, and the stack it may use.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <utility>

namespace support {

inline void check(bool ok, std::source_location where = std::source_location::current()) {
    if (ok) return;
    std::fprintf(stderr, "%s:%u: the check failed\n", where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::exit(1);
}

/// Lives and dies; the count tells whether each object was destroyed exactly once.
class counted {
   public:
    counted() noexcept { ++alive; }
    counted(const counted&) noexcept { ++alive; }
    counted(counted&&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() { --alive; }
    static inline int alive = 0;
};

/// Sanitizers make everything slower by this factor, at least.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

/// The main thread's stack: at most 8 MiB, and how much of it was in use.
class stack {
   public:
    stack() : top_(here()), lowest_(top_) {
        constexpr rlim_t limit = 8u << 20;
        rlimit r{};
        check(::getrlimit(RLIMIT_STACK, &r) == 0);
        if (r.rlim_cur == RLIM_INFINITY || r.rlim_cur > limit) {
            r.rlim_cur = limit;
            check(::setrlimit(RLIMIT_STACK, &r) == 0);
        }
    }
    /// Remembers how deep the stack is here.
    [[gnu::noinline]] void probe() noexcept { lowest_ = std::min(lowest_, here()); }
    /// The deepest that was probed since the last call, in bytes.
    [[nodiscard]] std::size_t take_depth() noexcept {
        return static_cast<std::size_t>(top_ - std::exchange(lowest_, top_));
    }

   private:
    // Not the address of a local: the address sanitizer may keep that elsewhere.
    [[gnu::noinline]] static std::uintptr_t here() noexcept {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
    std::uintptr_t top_;
    std::uintptr_t lowest_;
};

}  // namespace support
