// Servers for TCP and Unix sockets.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/base/temporaries.hpp"
#include "asyncio/streams/server.hpp"

namespace asyncio {

/// How a server listens.
struct start_server_options {
    std::size_t limit = stream_reader::default_limit;     ///< of the readers
    address_family family = address_family::unspecified;  ///< only addresses of this family
    int backlog = 100;                                    ///< connections that wait to be accepted
    bool reuse_address = true;  ///< take an address over from connections that linger
    bool reuse_port = false;    ///< share the port with others that say so, too
    bool keep_alive = false;    ///< notice peers that vanished
    bool start_serving = true;  ///< accept at once, or only after start_serving()
};

/// How a server on a Unix socket listens.
struct start_unix_server_options {
    std::size_t limit = stream_reader::default_limit;  ///< of the readers
    int backlog = 100;                                 ///< connections that wait to be accepted
    bool cleanup_socket = true;  ///< close() removes the file, if it is still this server's
    bool start_serving = true;   ///< accept at once, or only after start_serving()
};

namespace detail {

[[nodiscard]] coroutine<server> open_server(ref<server_state> state, std::vector<std::string> hosts,
                                            int port, start_server_options options);
[[nodiscard]] coroutine<server> open_unix_server(ref<server_state> state, std::string path,
                                                 start_unix_server_options options);

template <class Handler>
ref<server_state> make_server(std::size_t limit, Handler&& handler) {
    using stored = std::decay_t<Handler>;
    static_assert(!is_fragile_temporary<Handler>,
                  "g++ 12 destroys a temporary lambda with captures twice if it stands in one "
                  "expression with co_await: name the handler first and pass the name");
    constexpr bool by_value = std::is_invocable_v<stored&, stream_reader, stream_writer>;
    constexpr bool by_reference = std::is_invocable_v<stored&, stream_reader&, stream_writer&>;
    static_assert(by_value || by_reference,
                  "a server's handler is called with (stream_reader, stream_writer)");
    if constexpr (by_value || by_reference) {
        check_not_null(handler);
        if constexpr (by_value) {
            static_assert(awaitable<std::invoke_result_t<stored&, stream_reader, stream_writer>>,
                          "a server's handler returns a coroutine: asyncio::coroutine<> "
                          "handler(asyncio::stream_reader reader, asyncio::stream_writer writer)");
        }
        return ref<server_state>(new server_of<stored>(limit, std::forward<Handler>(handler)));
    } else {
        return {};
    }
}

}  // namespace detail

/// Listens on a host and port and runs handler(reader, writer) as a task for each connection. An
/// empty host means every address of this machine; a name, each of its addresses. Port 0: a free
/// one, which server.port() tells. The handler is kept by the server. What it throws goes to the
/// loop's exception handler; a cancel is silent. When it drops its writer the connection is closed.
/// If the system runs out of descriptors or memory the server reports it and accepts again after a
/// second. Throws std::system_error if it cannot listen.
template <class Handler>
[[nodiscard]] coroutine<server> start_server(Handler&& handler, std::string host, int port,
                                             start_server_options options = {}) {
    return detail::open_server(detail::make_server(options.limit, std::forward<Handler>(handler)),
                               std::vector<std::string>(1, std::move(host)), port, options);
}
/// The same on several hosts.
template <class Handler>
[[nodiscard]] coroutine<server> start_server(Handler&& handler, std::vector<std::string> hosts,
                                             int port, start_server_options options = {}) {
    return detail::open_server(detail::make_server(options.limit, std::forward<Handler>(handler)),
                               std::move(hosts), port, options);
}

/// The same on a Unix socket. A socket file that is left over is replaced.
template <class Handler>
[[nodiscard]] coroutine<server> start_unix_server(Handler&& handler, std::string path,
                                                  start_unix_server_options options = {}) {
    return detail::open_unix_server(
        detail::make_server(options.limit, std::forward<Handler>(handler)), std::move(path),
        options);
}

}  // namespace asyncio
