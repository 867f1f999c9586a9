#include "asyncio/net/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>

namespace asyncio {

namespace detail {

namespace {

/// "sock_recv from 127.0.0.1:80", as far as the peer is known.
std::string call_text(const char* api, io_object& s, const raw_address& known_peer) {
    raw_address peer = known_peer;
    if (peer.size == 0 && s.is_open()) (void)s.outside().peer_address(s.fd, peer);
    return peer.size == 0 ? std::string(api) : std::string(api) + " (peer " + peer_text(peer) + ")";
}

void check_can_park(const char* api, promise_base& p, io_object& s, const io_operation* waiting) {
    if (p.task->loop != &s.loop())
        throw std::runtime_error(std::string("asyncio: ") + api +
                                 ": this socket belongs to another event loop");
    if (waiting != nullptr)
        throw std::runtime_error(std::string("asyncio: ") + api +
                                 ": another task already waits for this socket");
    if (const int error = s.attach(); error != 0) throw_io_error(error, api);
}

}  // namespace

void socket_operation::suspend(promise_base& p, io_operation*& place) {
    check_can_park(api_, p, *socket_, place);
    park(p, place);
}

std::int64_t socket_operation::finish() {
    check_cancelled();
    if (!result_.ok()) throw_io_error(result_.error, call_text(api_, *socket_, socket_->peer));
    return result_.value;
}

void socket_operation::closed() noexcept { result_ = {-1, ECANCELED}; }

std::string socket_operation::describe() const { return call_text(api_, *socket_, socket_->peer); }

bool recv_into_operation::attempt() noexcept {
    return keep(outside().recv(*socket_, into_.data(), into_.size()));
}

bool recv_operation::attempt() noexcept {
    try {
        char* scratch = network::of(socket_->loop()).scratch.get();
        const sys_result r =
            outside().recv(*socket_, scratch, std::min(wanted_, network::scratch_size));
        if (r.ok()) data_.assign(scratch, static_cast<std::size_t>(r.value));
        return keep(r);
    } catch (const std::exception&) {
        return keep({-1, ENOMEM});
    }
}

bool recv_from_operation::attempt() noexcept {
    try {
        char* scratch = network::of(socket_->loop()).scratch.get();
        const sys_result r =
            outside().recv_from(*socket_, scratch, std::min(wanted_, network::scratch_size), from_);
        if (r.ok()) data_.assign(scratch, static_cast<std::size_t>(r.value));
        return keep(r);
    } catch (const std::exception&) {
        return keep({-1, ENOMEM});
    }
}

bool send_all_operation::attempt() noexcept {
    while (sent_ < data_.size()) {
        const const_chunk chunk{data_.data() + sent_, data_.size() - sent_};
        const sys_result r = outside().send(*socket_, {&chunk, 1});
        if (!r.ok()) return keep(r);
        sent_ += static_cast<std::size_t>(r.value);
    }
    return keep({0, 0});
}

bool send_to_operation::attempt() noexcept {
    return keep(outside().send_to(*socket_, data_.data(), data_.size(), to_));
}

bool accept_operation::attempt() noexcept { return keep(outside().accept(*socket_, peer_)); }

accept_operation::~accept_operation() {
    // Accepted, and then the frame was destroyed.
    if (socket_ && result_.value >= 0) outside().close(static_cast<int>(result_.value));
}

accepted accept_operation::await_resume() {
    finish();
    const ref<socket_state> connection(
        new socket_state(socket_->loop(), socket_->family, socket_->type));
    connection->open(static_cast<int>(std::exchange(result_.value, -1)));
    connection->peer = peer_;
    return accepted(socket(connection), socket_address(peer_));
}

bool connect_operation::attempt() noexcept {
    backend& outside = socket_->outside();
    sys_result r;
    if (!started_) {
        r = outside.connect(*socket_, to_);
        if (r.error == EINPROGRESS || r.error == EINTR) {
            started_ = true;
            return false;
        }
    } else {
        r = outside.connect_result(*socket_);
        raw_address peer;
        // Neither failed nor connected: a stray event.
        if (r.ok() && outside.peer_address(socket_->fd, peer).error == ENOTCONN) return false;
    }
    error_ = r.error;
    return true;
}

void connect_operation::closed() noexcept { error_ = ECANCELED; }

void connect_operation::suspend(promise_base& p) {
    check_can_park("connect", p, *socket_, socket_->writer);
    park(p, socket_->writer);
}

std::string connect_operation::describe() const { return "connecting to " + peer_text(to_); }

void sock_connect_operation::await_resume() {
    const int error = connect_operation::await_resume();
    if (error != 0) throw_io_error(error, "sock_connect to " + peer_text(to_));
    static_cast<socket_state&>(*socket_).peer = to_;
}

}  // namespace detail

socket::socket(address_family family, socket_type type)
    : socket(get_running_loop(), family, type) {}

socket::socket(event_loop& loop, address_family family, socket_type type)
    : state_(new detail::socket_state(loop, family, type)) {
    const auto opened = loop.outside->open_socket(family, type);
    if (!opened.ok()) detail::throw_io_error(opened.error, "socket");
    state_->open(static_cast<int>(opened.value));
}

std::pair<socket, socket> socket::pair(socket_type type) {
    event_loop& loop = get_running_loop();
    const auto make = [&] {
        return detail::ref<detail::socket_state>(
            new detail::socket_state(loop, address_family::unix_domain, type));
    };
    auto first = make();
    auto second = make();
    int fds[2] = {-1, -1};
    const auto opened = loop.outside->open_pair(type, fds);
    if (!opened.ok()) detail::throw_io_error(opened.error, "socketpair");
    first->open(fds[0]);
    second->open(fds[1]);
    return {socket(std::move(first)), socket(std::move(second))};
}

const detail::ref<detail::socket_state>& socket::checked(const char* api) const {
    if (!state_ || !state_->is_open())
        detail::throw_io_error(EBADF, std::string(api) + ": this socket is closed");
    return state_;
}

void socket::bind(const socket_address& address) {
    const auto r = checked("bind")->outside().bind(state_->fd, address.raw());
    if (!r.ok()) detail::throw_io_error(r.error, "bind to " + address.to_string());
}

void socket::listen(int backlog) {
    const auto r = checked("listen")->outside().listen(state_->fd, backlog);
    if (!r.ok()) detail::throw_io_error(r.error, "listen");
}

void socket::setsockopt(socket_option option, int value) {
    const auto r = checked("setsockopt")->outside().set_option(state_->fd, option, value);
    if (!r.ok()) detail::throw_io_error(r.error, "setsockopt");
}

int socket::getsockopt(socket_option option) const {
    const auto r = checked("getsockopt")->outside().get_option(state_->fd, option);
    if (!r.ok()) detail::throw_io_error(r.error, "getsockopt");
    return static_cast<int>(r.value);
}

socket_address socket::getsockname() const {
    detail::raw_address a;
    const auto r = checked("getsockname")->outside().local_address(state_->fd, a);
    if (!r.ok()) detail::throw_io_error(r.error, "getsockname");
    return socket_address(a);
}

socket_address socket::getpeername() const {
    detail::raw_address a;
    const auto r = checked("getpeername")->outside().peer_address(state_->fd, a);
    if (!r.ok()) detail::throw_io_error(r.error, "getpeername");
    return socket_address(a);
}

void socket::shutdown_write() {
    const auto r = checked("shutdown")->outside().shutdown(state_->fd, false, true);
    if (!r.ok()) detail::throw_io_error(r.error, "shutdown");
}

address_family socket::family() const { return checked("family")->family; }
socket_type socket::type() const { return checked("type")->type; }

detail::recv_operation event_loop::sock_recv(const socket& s, std::size_t n) {
    return {s.checked("sock_recv"), n};
}
detail::recv_into_operation event_loop::sock_recv_into(const socket& s, std::span<char> into) {
    return {s.checked("sock_recv_into"), into};
}
detail::recv_from_operation event_loop::sock_recvfrom(const socket& s, std::size_t n) {
    return {s.checked("sock_recvfrom"), n};
}
detail::send_all_operation event_loop::sock_sendall(const socket& s, std::string_view data) {
    return {s.checked("sock_sendall"), data};
}
detail::send_to_operation event_loop::sock_sendto(const socket& s, std::string_view data,
                                                  const socket_address& to) {
    return {s.checked("sock_sendto"), data, to.raw()};
}
detail::sock_connect_operation event_loop::sock_connect(const socket& s, const socket_address& to) {
    return {s.checked("sock_connect"), to.raw()};
}
detail::accept_operation event_loop::sock_accept(const socket& s) {
    return detail::accept_operation(s.checked("sock_accept"));
}

}  // namespace asyncio
