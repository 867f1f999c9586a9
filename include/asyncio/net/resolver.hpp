// Names to addresses: what loop.getaddrinfo() and loop.getnameinfo() take and give.
#pragma once

#include <string>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/net/address.hpp"
#include "asyncio/sys/resolve.hpp"
#include "asyncio/task/coroutine.hpp"

namespace asyncio {

/// How names are looked up.
struct getaddrinfo_options {
    address_family family = address_family::unspecified;  ///< only addresses of this family
    socket_type type = socket_type::stream;               ///< what the addresses are for
    bool passive = false;         ///< an empty host means every address of this machine
    bool canonical_name = false;  ///< ask for the host's canonical name
};

/// One address of a name.
struct address_info {
    address_family family = address_family::unspecified;  ///< of the address
    socket_type type = socket_type::stream;               ///< what it is for
    std::string canonical_name;  ///< of the first address, if it was asked for
    socket_address address;      ///< with the port
};

/// Which parts of an address stay numbers.
enum class numeric_names : unsigned char { neither, host, service, both };

/// What getnameinfo() gives.
struct name_info {
    std::string host;     ///< a name, or the address as a number
    std::string service;  ///< a name, or the port as a number
};

}  // namespace asyncio
