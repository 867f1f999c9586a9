// guard: holds a lock or a place of a semaphore until its scope ends.
#pragma once

#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/intrusive.hpp"

namespace asyncio {

template <class Lockable>
class guard;

namespace detail {

class guard_hook : public list_hook {};

/// What guards hold. It knows them: when it dies before them, they hold nothing any more.
class guarded {
   protected:
    /// Does a guard hold it?
    [[nodiscard]] bool has_guards() const noexcept { return !guards_.empty(); }

   private:
    template <class>
    friend class asyncio::guard;
    intrusive_list<guard_hook> guards_;
};

}  // namespace detail

/// What scoped_acquire() gives: holds a Lockable (lock, condition, semaphore) and releases it when
/// it is destroyed. Move-only. If what it holds is destroyed first, it holds nothing any more. The
/// loop's thread.
template <class Lockable>
class [[nodiscard("a guard that is dropped releases at once: give it a name")]] guard
    : private detail::guard_hook {
   public:
    /// Holds nothing.
    guard() noexcept = default;
    /// Takes over a Lockable that is already acquired.
    explicit guard(Lockable& held) noexcept : held_(&held) { held.guards_.push_back(*this); }
    guard(guard&& o) noexcept { take_from(o); }
    guard& operator=(guard&& o) noexcept {
        if (this != &o) {
            release();
            take_from(o);
        }
        return *this;
    }
    ~guard() { release(); }

    /// Releases now. Throws std::runtime_error if it holds nothing.
    void unlock() {
        if (!owns_lock())
            detail::throw_runtime_error(
                "asyncio: unlock() of a guard that holds nothing: it was unlocked or moved from, "
                "or what it held was destroyed");
        unlink();
        held_->release();
    }
    /// Does it hold something?
    [[nodiscard]] bool owns_lock() const noexcept { return linked(); }
    explicit operator bool() const noexcept { return owns_lock(); }

   private:
    void release() noexcept {
        if (!owns_lock()) return;
        unlink();
        held_->exit();
    }
    void take_from(guard& o) noexcept {
        if (!o.owns_lock()) return;
        o.unlink();
        held_ = o.held_;
        held_->guards_.push_back(*this);
    }

    Lockable* held_ = nullptr;  // if it is linked
};

}  // namespace asyncio
