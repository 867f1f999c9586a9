// An address that is kept for long, in as little memory as it needs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "asyncio/sys/address.hpp"

namespace asyncio::detail {

/// Leaves out the zeros at the end of an address: one of IPv4 needs no memory beside the object.
class kept_address {
   public:
    kept_address() noexcept : near_{} {}
    kept_address(const kept_address&) = delete;
    kept_address& operator=(const kept_address&) = delete;
    ~kept_address() { forget(); }

    /// Without memory for it, it is not kept.
    void keep(const raw_address& a) noexcept;
    /// Size 0: none is kept.
    [[nodiscard]] raw_address get() const noexcept;

   private:
    [[nodiscard]] bool is_far() const noexcept { return kept_ > sizeof near_; }
    void forget() noexcept;
    union {
        std::byte near_[8];
        std::byte* far_;  ///< `kept_` bytes
    };
    std::uint8_t size_ = 0;  ///< of the address
    std::uint8_t kept_ = 0;  ///< without the zeros at its end
};

}  // namespace asyncio::detail
