#include "sys/socket_backend.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace asyncio::detail {

bool sys_result::would_block() const noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

namespace {

sys_result result_of(std::int64_t value) noexcept {
    return value < 0 ? sys_result{-1, errno} : sys_result{value, 0};
}

/// Repeats a call that a signal interrupted.
template <class Call>
std::int64_t retry(Call call) noexcept {
    std::int64_t r = 0;
    do r = call();
    while (r < 0 && errno == EINTR);
    return r;
}

const sockaddr* to_sockaddr(const raw_address& a) noexcept {
    return reinterpret_cast<const sockaddr*>(a.data);
}
sockaddr* to_sockaddr(raw_address& a) noexcept { return reinterpret_cast<sockaddr*>(a.data); }

int system_family(address_family f) noexcept {
    switch (f) {
        case address_family::ipv4:
            return AF_INET;
        case address_family::ipv6:
            return AF_INET6;
        case address_family::unix_domain:
            return AF_UNIX;
        case address_family::unspecified:
            break;
    }
    return AF_UNSPEC;
}

int system_type(socket_type t) noexcept {
    return (t == socket_type::stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
}

struct system_option {
    int level;
    int name;
};

system_option option_of(socket_option option) noexcept {
    switch (option) {
        case socket_option::reuse_address:
            return {SOL_SOCKET, SO_REUSEADDR};
        case socket_option::reuse_port:
            return {SOL_SOCKET, SO_REUSEPORT};
        case socket_option::keep_alive:
            return {SOL_SOCKET, SO_KEEPALIVE};
        case socket_option::broadcast:
            return {SOL_SOCKET, SO_BROADCAST};
        case socket_option::no_delay:
            return {IPPROTO_TCP, TCP_NODELAY};
        case socket_option::ipv6_only:
            return {IPPROTO_IPV6, IPV6_V6ONLY};
        case socket_option::send_buffer:
            return {SOL_SOCKET, SO_SNDBUF};
        case socket_option::receive_buffer:
            return {SOL_SOCKET, SO_RCVBUF};
    }
    return {-1, -1};
}

/// A call that would have blocked clears its hint.
sys_result noting(sys_result r, bool& hint) noexcept {
    if (r.would_block()) hint = false;
    return r;
}

}  // namespace

socket_backend::socket_backend() {
    if (::getrandom(&seed_, sizeof seed_, 0) != sizeof seed_) seed_ = 0x9e3779b97f4a7c15u;
}

std::uint64_t socket_backend::random() noexcept {
    seed_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = seed_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

sys_result socket_backend::open_socket(address_family family, socket_type type) noexcept {
    return result_of(::socket(system_family(family), system_type(type), 0));
}

sys_result socket_backend::open_pair(socket_type type, int (&fds)[2]) noexcept {
    return result_of(::socketpair(AF_UNIX, system_type(type), 0, fds));
}

sys_result socket_backend::connect(io_source& s, const raw_address& to) noexcept {
    return result_of(::connect(s.fd, to_sockaddr(to), to.size));
}

sys_result socket_backend::connect_result(io_source& s) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(s.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    return {0, error};
}

sys_result socket_backend::bind(int fd, const raw_address& to) noexcept {
    return result_of(::bind(fd, to_sockaddr(to), to.size));
}

sys_result socket_backend::listen(int fd, int backlog) noexcept {
    return result_of(::listen(fd, backlog));
}

sys_result socket_backend::accept(io_source& s, raw_address& peer) noexcept {
    socklen_t size = sizeof peer.data;
    const auto fd = retry([&] {
        size = sizeof peer.data;
        return ::accept4(s.fd, to_sockaddr(peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    });
    peer.size = size;
    return noting(result_of(fd), s.readable);
}

sys_result socket_backend::recv(io_source& s, void* data, std::size_t size) noexcept {
    const auto n = retry([&] { return ::recv(s.fd, data, size, 0); });
    // A short read has drained the socket: the next edge will tell. Not so once the end has
    // been announced.
    if (n > 0 && static_cast<std::size_t>(n) < size && !s.hung_up) s.readable = false;
    return noting(result_of(n), s.readable);
}

sys_result socket_backend::send(io_source& s, std::span<const const_chunk> chunks) noexcept {
    static_assert(sizeof(const_chunk) == sizeof(iovec));
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<const_chunk*>(chunks.data()));
    message.msg_iovlen = chunks.size();
    const auto n = retry([&] {
        return chunks.size() == 1 ? ::send(s.fd, chunks[0].data, chunks[0].size, MSG_NOSIGNAL)
                                  : ::sendmsg(s.fd, &message, MSG_NOSIGNAL);
    });
    return noting(result_of(n), s.writable);
}

sys_result socket_backend::recv_from(io_source& s, void* data, std::size_t size,
                                     raw_address& from) noexcept {
    socklen_t length = sizeof from.data;
    const auto n = retry([&] {
        length = sizeof from.data;
        return ::recvfrom(s.fd, data, size, 0, to_sockaddr(from), &length);
    });
    from.size = length;
    return noting(result_of(n), s.readable);
}

sys_result socket_backend::send_to(io_source& s, const void* data, std::size_t size,
                                   const raw_address& to) noexcept {
    const auto n =
        retry([&] { return ::sendto(s.fd, data, size, MSG_NOSIGNAL, to_sockaddr(to), to.size); });
    return noting(result_of(n), s.writable);
}

sys_result socket_backend::shutdown(int fd, bool read, bool write) noexcept {
    return result_of(::shutdown(fd, read && write ? SHUT_RDWR : write ? SHUT_WR : SHUT_RD));
}

void socket_backend::close(int fd) noexcept { ::close(fd); }
void socket_backend::abort(int fd) noexcept {
    const linger none{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ::close(fd);
}

sys_result socket_backend::local_address(int fd, raw_address& out) noexcept {
    socklen_t size = sizeof out.data;
    const sys_result r = result_of(::getsockname(fd, to_sockaddr(out), &size));
    out.size = r.ok() ? size : 0;
    return r;
}

sys_result socket_backend::peer_address(int fd, raw_address& out) noexcept {
    socklen_t size = sizeof out.data;
    const sys_result r = result_of(::getpeername(fd, to_sockaddr(out), &size));
    out.size = r.ok() ? size : 0;
    return r;
}

sys_result socket_backend::get_option(int fd, socket_option option) noexcept {
    const auto [level, name] = option_of(option);
    int value = 0;
    socklen_t size = sizeof value;
    const sys_result r = result_of(::getsockopt(fd, level, name, &value, &size));
    return r.ok() ? sys_result{value, 0} : r;
}

sys_result socket_backend::set_option(int fd, socket_option option, int value) noexcept {
    const auto [level, name] = option_of(option);
    return result_of(::setsockopt(fd, level, name, &value, sizeof value));
}

sys_result socket_backend::socket_file(const char* path, file_identity& out) noexcept {
    struct stat found{};
    const sys_result r = result_of(::stat(path, &found));
    if (!r.ok()) return r;
    if (!S_ISSOCK(found.st_mode)) return {-1, ENOTSOCK};
    out = {found.st_dev, found.st_ino};
    return r;
}

sys_result socket_backend::remove_file(const char* path) noexcept {
    return result_of(::unlink(path));
}

}  // namespace asyncio::detail
