#include "asyncio/sys/resolve.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace asyncio {

namespace {

class resolver_errors final : public std::error_category {
   public:
    const char* name() const noexcept override { return "asyncio.resolver"; }
    std::string message(int code) const override { return ::gai_strerror(code); }
};

}  // namespace

const std::error_category& resolver_category() noexcept {
    static const resolver_errors category;
    return category;
}

namespace detail {

name_answer system_resolve(const name_query& query) {
    addrinfo hints{};
    hints.ai_family = query.family == address_family::ipv4   ? AF_INET
                      : query.family == address_family::ipv6 ? AF_INET6
                                                             : AF_UNSPEC;
    hints.ai_socktype = query.type == socket_type::stream ? SOCK_STREAM : SOCK_DGRAM;
    if (query.passive) hints.ai_flags |= AI_PASSIVE;
    if (query.canonical_name) hints.ai_flags |= AI_CANONNAME;

    name_answer answer;
    addrinfo* found = nullptr;
    answer.error =
        ::getaddrinfo(query.host.empty() ? nullptr : query.host.c_str(),
                      query.service.empty() ? "0" : query.service.c_str(), &hints, &found);
    if (answer.error == EAI_SYSTEM) {
        answer.error = errno;
        answer.system_error = true;
    }
    if (answer.error != 0) return answer;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    if (found->ai_canonname != nullptr) answer.canonical_name = found->ai_canonname;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
        raw_address raw;
        if (a->ai_addrlen > sizeof raw.data) continue;
        std::memcpy(raw.data, a->ai_addr, a->ai_addrlen);
        raw.size = a->ai_addrlen;
        answer.addresses.push_back(raw);
    }
    return answer;
}

host_and_service system_name_of(const raw_address& address, bool numeric_host, bool numeric_service,
                                bool datagram) {
    char host[NI_MAXHOST] = {};
    char service[NI_MAXSERV] = {};
    const int flags = (numeric_host ? NI_NUMERICHOST : 0) | (numeric_service ? NI_NUMERICSERV : 0) |
                      (datagram ? NI_DGRAM : 0);
    host_and_service answer;
    answer.error = ::getnameinfo(reinterpret_cast<const sockaddr*>(address.data), address.size,
                                 host, sizeof host, service, sizeof service, flags);
    if (answer.error == EAI_SYSTEM) {
        answer.error = errno;
        answer.system_error = true;
    }
    if (answer.error != 0) return answer;
    answer.host = host;
    answer.service = service;
    return answer;
}

}  // namespace detail
}  // namespace asyncio
