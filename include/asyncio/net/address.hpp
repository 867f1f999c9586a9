// Where a socket is, or whom it talks to.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "asyncio/sys/address.hpp"

namespace asyncio {

/// An address that a socket can be bound or connected to: a numeric IP address with a port, or a
/// path. A value; any thread.
class socket_address {
   public:
    /// No address: what an unnamed socket has.
    socket_address() noexcept = default;
    /// A numeric address: "127.0.0.1", "::1", "fe80::1%eth0". Throws std::invalid_argument for a
    /// name (loop.getaddrinfo() looks those up) and for a port outside 0..65535.
    socket_address(std::string_view ip, int port);
    explicit socket_address(const detail::raw_address& raw) noexcept : raw_(raw) {}
    /// A Unix socket's path. One that begins with a NUL byte is a name without a file. Throws
    /// std::invalid_argument if it is empty or too long for the system.
    [[nodiscard]] static socket_address unix_path(std::string_view path);

    /// IPv4, IPv6, a Unix path, or unspecified if it is empty.
    [[nodiscard]] address_family family() const noexcept { return detail::family_of(raw_); }
    /// The numeric address; empty for a path.
    [[nodiscard]] std::string ip() const { return detail::ip_of(raw_); }
    /// The port; 0 for a path.
    [[nodiscard]] std::uint16_t port() const noexcept { return detail::port_of(raw_); }
    /// The path; empty for an IP address.
    [[nodiscard]] std::string path() const { return detail::unix_path_of(raw_); }
    /// "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock", or "(unnamed)".
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] const detail::raw_address& raw() const noexcept { return raw_; }

    friend bool operator==(const socket_address& a, const socket_address& b) noexcept {
        return a.raw_.size == b.raw_.size &&
               std::memcmp(a.raw_.data, b.raw_.data, a.raw_.size) == 0;
    }

   private:
    detail::raw_address raw_;
};

namespace detail {

/// `port` if it is one. Throws std::invalid_argument that names `api`.
[[nodiscard]] std::uint16_t check_port(const char* api, int port);

}  // namespace detail
}  // namespace asyncio
