#include "asyncio/sys/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace asyncio::detail {

namespace {

static_assert(sizeof(raw_address::data) == sizeof(sockaddr_storage));

/// The address as a T. Copied, because its bytes were never a T.
template <class T>
T as(const raw_address& a) noexcept {
    T t{};
    std::memcpy(&t, a.data, sizeof t);
    return t;
}

template <class T>
void store(raw_address& out, const T& t, std::size_t size = sizeof(T)) noexcept {
    static_assert(sizeof(T) <= sizeof out.data);
    std::memcpy(out.data, &t, sizeof t);
    out.size = static_cast<std::uint32_t>(size);
}

sa_family_t raw_family(const raw_address& a) noexcept {
    return a.size < sizeof(sa_family_t) ? sa_family_t(AF_UNSPEC) : as<sockaddr>(a).sa_family;
}

bool parse_ipv6(std::string ip, std::uint16_t port, raw_address& out) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (const auto percent = ip.find('%'); percent != std::string::npos) {
        const std::string zone = ip.substr(percent + 1);
        ip.resize(percent);
        v6.sin6_scope_id = ::if_nametoindex(zone.c_str());
        if (v6.sin6_scope_id == 0) {
            std::uint32_t number = 0;
            for (const char c : zone) {
                if (c < '0' || c > '9' || number > 100'000'000) return false;
                number = number * 10 + static_cast<std::uint32_t>(c - '0');
            }
            if (number == 0) return false;
            v6.sin6_scope_id = number;
        }
    }
    if (::inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) != 1) return false;
    store(out, v6);
    return true;
}

}  // namespace

bool parse_ip(std::string_view ip, std::uint16_t port, raw_address& out) {
    std::string text(ip);
    if (text.find('\0') != std::string::npos) return false;
    if (text.find(':') != std::string::npos) return parse_ipv6(std::move(text), port, out);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) != 1) return false;
    store(out, v4);
    return true;
}

bool make_unix_address(std::string_view path, raw_address& out) noexcept {
    sockaddr_un u{};
    // A path needs room for its NUL; a name in the abstract space begins with one.
    if (path.empty() || path.size() >= sizeof u.sun_path) return false;
    const bool abstract = path.front() == '\0';
    if (!abstract && path.find('\0') != std::string_view::npos) return false;
    u.sun_family = AF_UNIX;
    std::memcpy(u.sun_path, path.data(), path.size());
    store(out, u, offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
    return true;
}

address_family family_of(const raw_address& a) noexcept {
    switch (raw_family(a)) {
        case AF_INET:
            return address_family::ipv4;
        case AF_INET6:
            return address_family::ipv6;
        case AF_UNIX:
            return address_family::unix_domain;
        default:
            return address_family::unspecified;
    }
}

std::uint16_t port_of(const raw_address& a) noexcept {
    if (raw_family(a) == AF_INET) return ntohs(as<sockaddr_in>(a).sin_port);
    if (raw_family(a) == AF_INET6) return ntohs(as<sockaddr_in6>(a).sin6_port);
    return 0;
}

void set_port(raw_address& a, std::uint16_t port) noexcept {
    if (raw_family(a) == AF_INET) {
        auto v4 = as<sockaddr_in>(a);
        v4.sin_port = htons(port);
        store(a, v4);
    } else if (raw_family(a) == AF_INET6) {
        auto v6 = as<sockaddr_in6>(a);
        v6.sin6_port = htons(port);
        store(a, v6);
    }
}

std::string ip_of(const raw_address& a) {
    char text[INET6_ADDRSTRLEN] = {};
    if (raw_family(a) == AF_INET) {
        const auto v4 = as<sockaddr_in>(a);
        return ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    }
    if (raw_family(a) != AF_INET6) return {};
    const auto v6 = as<sockaddr_in6>(a);
    std::string ip = ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    if (v6.sin6_scope_id == 0) return ip;
    char zone[IF_NAMESIZE] = {};
    if (::if_indextoname(v6.sin6_scope_id, zone) != nullptr) return ip + "%" + zone;
    return ip + "%" + std::to_string(v6.sin6_scope_id);
}

std::string unix_path_of(const raw_address& a) {
    if (raw_family(a) != AF_UNIX || a.size <= offsetof(sockaddr_un, sun_path)) return {};
    const auto u = as<sockaddr_un>(a);
    std::string path(u.sun_path, a.size - offsetof(sockaddr_un, sun_path));
    if (path.front() != '\0' && path.back() == '\0') path.pop_back();
    return path;
}

}  // namespace asyncio::detail
