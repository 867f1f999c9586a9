// guard: holds a lock or a place of a semaphore until its scope ends.
#pragma once

#include <utility>

#include "asyncio/base/exceptions.hpp"

namespace asyncio {

/// What scoped_acquire() gives: holds a Lockable (lock, condition, semaphore) and releases it when
/// it is destroyed. Move-only. What it holds must outlive it. The loop's thread.
template <class Lockable>
class [[nodiscard("a guard that is dropped releases at once: give it a name")]] guard {
   public:
    /// Holds nothing.
    guard() noexcept = default;
    /// Takes over a Lockable that is already acquired.
    explicit guard(Lockable& held) noexcept : held_(&held) {}
    guard(guard&& o) noexcept : held_(std::exchange(o.held_, nullptr)) {}
    guard& operator=(guard&& o) noexcept {
        if (this != &o) {
            if (held_ != nullptr) held_->exit();
            held_ = std::exchange(o.held_, nullptr);
        }
        return *this;
    }
    ~guard() {
        if (held_ != nullptr) held_->exit();
    }

    /// Releases now. Throws std::runtime_error if it holds nothing.
    void unlock() {
        if (held_ == nullptr)
            detail::throw_runtime_error(
                "asyncio: unlock() of a guard that holds nothing: it was unlocked or moved from");
        std::exchange(held_, nullptr)->release();
    }
    /// Does it hold something?
    [[nodiscard]] bool owns_lock() const noexcept { return held_ != nullptr; }
    explicit operator bool() const noexcept { return owns_lock(); }

   private:
    Lockable* held_ = nullptr;
};

}  // namespace asyncio
