// Connections to others.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "asyncio/base/delay.hpp"
#include "asyncio/net/address.hpp"
#include "asyncio/streams/stream_reader.hpp"
#include "asyncio/streams/stream_writer.hpp"
#include "asyncio/task/coroutine.hpp"

namespace asyncio {

/// Both ends of a connection: `auto [reader, writer] = co_await open_connection(...)`.
struct connection {
    connection(stream_reader r, stream_writer w) noexcept
        : reader(std::move(r)), writer(std::move(w)) {}
    /// The two ends.
    stream_reader reader;
    stream_writer writer;
};

/// How a connection is made.
struct open_connection_options {
    std::size_t limit = stream_reader::default_limit;     ///< of the reader
    address_family family = address_family::unspecified;  ///< only addresses of this family
    std::string_view local_host{};                        ///< connect from this address; empty: any
    int local_port = 0;                                   ///< connect from this port; 0: any
    /// How long one address may take before the next is tried beside it. Forever: one after the
    /// other.
    delay happy_eyeballs_delay = std::chrono::milliseconds(250);
};

/// Connects to a host by TCP. A name with several addresses is tried as RFC 8305 says: IPv6 and
/// IPv4 in turn, the next one when one fails or takes too long; the first that succeeds wins. A
/// cancel ends the attempts at once. Throws std::invalid_argument for an empty host or a port
/// outside 0..65535, and std::system_error with the error of every address if none connects.
[[nodiscard]] coroutine<connection> open_connection(std::string host, int port,
                                                    open_connection_options options = {});

/// How a connection over a Unix socket is made.
struct open_unix_connection_options {
    std::size_t limit = stream_reader::default_limit;  ///< of the reader
};

/// Connects to a Unix socket. While the server's backlog is full it waits. Throws
/// std::system_error.
[[nodiscard]] coroutine<connection> open_unix_connection(std::string path,
                                                         open_unix_connection_options options = {});

}  // namespace asyncio
