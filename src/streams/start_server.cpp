#include "asyncio/streams/start_server.hpp"

#include <cerrno>
#include <stdexcept>

#include "asyncio/net/resolver.hpp"

namespace asyncio::detail {

namespace {

std::string cannot_listen(const socket_address& a, const char* call) {
    return "cannot listen on " + a.to_string() + " (" + call + ")";
}

/// A socket bound to `a`, or null if this machine does not have the family or the address.
ref<listener> bind_listener(event_loop& loop, const socket_address& a,
                            const start_server_options& options, int& error) {
    const ref<listener> l(new listener(loop));
    backend& outside = *loop.outside;
    const auto opened = outside.open_socket(a.family(), socket_type::stream);
    if (!opened.ok()) {
        error = opened.error;
        if (error == EAFNOSUPPORT || error == EPROTONOSUPPORT) return nullptr;
        throw_io_error(error, cannot_listen(a, "socket"));
    }
    l->open(static_cast<int>(opened.value));
    const auto set = [&](socket_option option, bool on) {
        if (!on) return;
        if (const auto r = outside.set_option(l->fd, option, 1); !r.ok())
            throw_io_error(r.error, cannot_listen(a, "setsockopt"));
    };
    set(socket_option::reuse_address, options.reuse_address);
    set(socket_option::reuse_port, options.reuse_port);
    set(socket_option::keep_alive, options.keep_alive);
    set(socket_option::ipv6_only, a.family() == address_family::ipv6);
    // The connections inherit it.
    set(socket_option::no_delay, a.family() != address_family::unix_domain);
    if (const auto r = outside.bind(l->fd, a.raw()); !r.ok()) {
        error = r.error;
        if (error == EADDRNOTAVAIL) return nullptr;
        throw_io_error(error, cannot_listen(a, "bind"));
    }
    raw_address real;
    l->address = outside.local_address(l->fd, real).ok() ? socket_address(real) : a;
    return l;
}

/// Several addresses share a free port, if they can.
ref<listener> bind_same_port(event_loop& loop, const socket_address& a, std::uint16_t port,
                             const start_server_options& options, int& error) {
    raw_address wanted = a.raw();
    set_port(wanted, port);
    try {
        return bind_listener(loop, socket_address(wanted), options, error);
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::address_in_use || a.port() == port) throw;
        return bind_listener(loop, a, options, error);
    }
}

void check(int backlog) {
    if (backlog < 1)
        throw_invalid_argument("asyncio: start_server: the backlog must be at least 1");
}

void prepare(server_state& s, event_loop& loop, int backlog) {
    s.loop = ref<loop_core>(&loop);
    s.backlog = backlog;
    s.context = context_ref::copy_current();
}

}  // namespace

coroutine<server> open_server(ref<server_state> state, std::vector<std::string> hosts, int port,
                              start_server_options options) {
    event_loop& loop = get_running_loop();
    check(options.backlog);
    const std::uint16_t wanted_port = check_port("start_server", port);
    if (hosts.empty()) throw_invalid_argument("asyncio: start_server: there are no hosts");
    prepare(*state, loop, options.backlog);
    const getaddrinfo_options passive{.family = options.family, .passive = true};
    std::vector<socket_address> addresses;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const auto found = co_await loop.getaddrinfo(hosts[i], wanted_port, passive);
        for (const address_info& a : found) {
            bool known = false;
            for (const socket_address& other : addresses) known = known || other == a.address;
            if (!known) addresses.push_back(a.address);
        }
    }
    int error = 0;
    for (const socket_address& a : addresses) {
        const bool share = wanted_port == 0 && !state->listeners.empty();
        const std::uint16_t p = share ? state->listeners[0]->address.port() : wanted_port;
        if (auto l = bind_same_port(loop, a, p, options, error))
            state->listeners.push_back(std::move(l));
    }
    if (state->listeners.empty())
        throw_io_error(error, cannot_listen(addresses.front(), "no address could be bound"));
    if (options.start_serving) state->start();
    co_return server(std::move(state));
}

coroutine<server> open_unix_server(ref<server_state> state, std::string path,
                                   start_unix_server_options options) {
    event_loop& loop = get_running_loop();
    check(options.backlog);
    prepare(*state, loop, options.backlog);
    const socket_address a = socket_address::unix_path(path);
    const bool has_file = path.front() != '\0';
    file_identity file;
    if (has_file && loop.outside->socket_file(path.c_str(), file).ok())
        (void)loop.outside->remove_file(path.c_str());
    const start_server_options plain{.reuse_address = false};
    int error = 0;
    ref<listener> l = bind_listener(loop, a, plain, error);
    if (!l) throw_io_error(error, cannot_listen(a, "bind"));
    if (has_file && options.cleanup_socket && loop.outside->socket_file(path.c_str(), l->file).ok())
        l->path = path;
    state->listeners.push_back(std::move(l));
    if (options.start_serving) state->start();
    co_return server(std::move(state));
}

}  // namespace asyncio::detail
