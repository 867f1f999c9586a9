// Names to addresses and back, as the system's resolver knows them.
#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "asyncio/sys/address.hpp"

namespace asyncio {

/// The category of errors of name lookup: "Name or service not known" and the like.
[[nodiscard]] const std::error_category& resolver_category() noexcept;

namespace detail {

struct name_query {
    std::string host;     ///< empty: this machine (passive: every address of it)
    std::string service;  ///< a port or a name such as "http"; empty: port 0
    address_family family = address_family::unspecified;
    socket_type type = socket_type::stream;
    bool passive = false;
    bool canonical_name = false;
};

struct name_answer {
    std::vector<raw_address> addresses;
    std::string canonical_name;
    int error = 0;  ///< of resolver_category(), or an errno if `system_error` is set
    bool system_error = false;
};

struct host_and_service {
    std::string host;
    std::string service;
    int error = 0;
    bool system_error = false;
};

/// Blocks; any thread.
[[nodiscard]] name_answer system_resolve(const name_query& query);
/// Blocks unless `numeric_host` and `numeric_service`; any thread.
[[nodiscard]] host_and_service system_name_of(const raw_address& address, bool numeric_host,
                                              bool numeric_service, bool datagram);

}  // namespace detail
}  // namespace asyncio
