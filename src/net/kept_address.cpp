#include "asyncio/net/kept_address.hpp"

#include <cstring>
#include <exception>

#include "asyncio/base/memory.hpp"

namespace asyncio::detail {

void kept_address::keep(const raw_address& a) noexcept {
    forget();
    std::size_t n = a.size;
    while (n > 0 && a.data[n - 1] == std::byte{0}) --n;
    std::byte* at = near_;
    if (n > sizeof near_) {
        try {
            at = far_ = static_cast<std::byte*>(allocate(n));
        } catch (const std::exception&) {
            return;
        }
    }
    std::memcpy(at, a.data, n);
    size_ = static_cast<std::uint8_t>(a.size);
    kept_ = static_cast<std::uint8_t>(n);
}

raw_address kept_address::get() const noexcept {
    raw_address a;
    std::memcpy(a.data, is_far() ? far_ : near_, kept_);
    a.size = size_;
    return a;
}

void kept_address::forget() noexcept {
    if (is_far()) deallocate(far_, kept_);
    size_ = kept_ = 0;
}

}  // namespace asyncio::detail
