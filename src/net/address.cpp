#include "asyncio/net/address.hpp"

#include <stdexcept>

namespace asyncio {

socket_address::socket_address(std::string_view ip, int port) {
    const std::uint16_t checked = detail::check_port("socket_address", port);
    if (!detail::parse_ip(ip, checked, raw_))
        throw std::invalid_argument("asyncio: socket_address: '" + std::string(ip) +
                                    "' is not a numeric IP address; look names up with "
                                    "loop.getaddrinfo()");
}

socket_address socket_address::unix_path(std::string_view path) {
    socket_address a;
    if (!detail::make_unix_address(path, a.raw_))
        throw std::invalid_argument(
            path.empty() ? std::string("asyncio: the path of a Unix socket is empty")
                         : "asyncio: the path of a Unix socket is too long (107 bytes at most) or "
                           "contains a NUL byte: '" +
                               std::string(path) + "'");
    return a;
}

std::string socket_address::to_string() const {
    switch (family()) {
        case address_family::ipv4:
            return ip() + ":" + std::to_string(port());
        case address_family::ipv6:
            return "[" + ip() + "]:" + std::to_string(port());
        case address_family::unix_domain: {
            std::string p = path();
            if (p.empty()) return "(unnamed)";
            if (p.front() == '\0') p.front() = '@';
            return "unix:" + p;
        }
        case address_family::unspecified:
            break;
    }
    return "(unnamed)";
}

namespace detail {

std::uint16_t check_port(const char* api, int port) {
    if (port < 0 || port > 65535)
        throw std::invalid_argument(std::string("asyncio: ") + api + ": port " +
                                    std::to_string(port) + " is out of range (0 to 65535)");
    return static_cast<std::uint16_t>(port);
}

}  // namespace detail
}  // namespace asyncio
