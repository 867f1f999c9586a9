// A counted reference to an object that one thread owns: no atomics, one pointer wide.
// T has add_ref() and release(); release() destroys T when nobody refers to it any more.
#pragma once

#include <cstddef>
#include <utility>

namespace asyncio::detail {

template <class T>
class ref {
   public:
    constexpr ref() noexcept = default;
    constexpr ref(std::nullptr_t) noexcept {}
    explicit ref(T* p) noexcept : p_(p) {
        if (p_ != nullptr) p_->add_ref();
    }
    ref(const ref& o) noexcept : ref(o.p_) {}
    ref(ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
    ref& operator=(ref o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~ref() {
        if (p_ != nullptr) p_->release();
    }

    /// Takes over a reference that is already counted.
    static ref adopt(T* p) noexcept {
        ref r;
        r.p_ = p;
        return r;
    }
    /// Gives the counted reference away.
    [[nodiscard]] T* detach() noexcept { return std::exchange(p_, nullptr); }

    [[nodiscard]] T* get() const noexcept { return p_; }
    T* operator->() const noexcept { return p_; }
    T& operator*() const noexcept { return *p_; }
    explicit operator bool() const noexcept { return p_ != nullptr; }
    friend bool operator==(const ref& a, const ref& b) noexcept { return a.p_ == b.p_; }

   private:
    T* p_ = nullptr;
};

}  // namespace asyncio::detail
