// Socket addresses, families, types and options, without the operating system's headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace asyncio {

/// What kind of address: IPv4, IPv6, or a path in the file system.
enum class address_family : std::uint8_t { unspecified, ipv4, ipv6, unix_domain };

/// How a socket carries data: a stream of bytes (TCP), or datagrams (UDP).
enum class socket_type : std::uint8_t { stream, datagram };

/// What can be set on a socket. Each takes an int; on and off are 1 and 0.
enum class socket_option : std::uint8_t {
    reuse_address,
    reuse_port,
    keep_alive,
    broadcast,
    no_delay,  ///< send small pieces at once (TCP_NODELAY)
    ipv6_only,
    send_buffer,     ///< bytes
    receive_buffer,  ///< bytes
};

namespace detail {

/// A socket address as the system takes it.
struct raw_address {
    alignas(8) std::byte data[128] = {};
    std::uint32_t size = 0;
};

/// "192.0.2.1", "2001:db8::1" or "fe80::1%eth0". False if `ip` is not numeric.
[[nodiscard]] bool parse_ip(std::string_view ip, std::uint16_t port, raw_address& out);
/// A path, or a name that begins with a NUL byte. False if it is empty or too long.
[[nodiscard]] bool make_unix_address(std::string_view path, raw_address& out) noexcept;
[[nodiscard]] address_family family_of(const raw_address& a) noexcept;
/// 0 if it has none.
[[nodiscard]] std::uint16_t port_of(const raw_address& a) noexcept;
void set_port(raw_address& a, std::uint16_t port) noexcept;
/// The numeric address; empty if it has none.
[[nodiscard]] std::string ip_of(const raw_address& a);
/// The path of a Unix socket; empty if it has none.
[[nodiscard]] std::string unix_path_of(const raw_address& a);

}  // namespace detail
}  // namespace asyncio
