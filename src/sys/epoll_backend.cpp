// The backend over epoll. Own sockets are registered once, edge triggered, and tried before anybody
// waits.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

bool sys_result::would_block() const noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

namespace {

class owned_fd {
   public:
    owned_fd(int fd, const char* what) : fd_(fd) {
        if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
    }
    owned_fd(const owned_fd&) = delete;
    owned_fd& operator=(const owned_fd&) = delete;
    ~owned_fd() { ::close(fd_); }
    [[nodiscard]] int get() const noexcept { return fd_; }

   private:
    int fd_;
};

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

timespec to_timespec(std::chrono::nanoseconds ns) noexcept {
    timespec t{};
    t.tv_sec = static_cast<time_t>(ns.count() / 1'000'000'000);
    t.tv_nsec = static_cast<long>(ns.count() % 1'000'000'000);
    return t;
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

class epoll_backend final : public backend {
   public:
    epoll_backend()
        : epoll_(::epoll_create1(EPOLL_CLOEXEC), "asyncio: epoll_create1"),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "asyncio: eventfd"),
          timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                 "asyncio: timerfd_create") {
        // Edge triggered: each write is one event, so the counters need not be read.
        add_own(wake_.get());
        add_own(timer_.get());
        if (::getrandom(&seed_, sizeof seed_, 0) != sizeof seed_) seed_ = 0x9e3779b97f4a7c15u;
    }

    std::string name() const override { return "epoll"; }
    time_point now() noexcept override { return clock::now(); }
    int fileno() const noexcept override { return epoll_.get(); }

    void poll(delay timeout) override {
        epoll_event events[batch];
        const int n = wait(events, timeout);
        for (int i = 0; i < n; ++i) {
            auto* source = static_cast<io_source*>(events[i].data.ptr);
            if (source == nullptr) continue;  // wake() or the armed timer
            constexpr std::uint32_t readable =
                EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
            constexpr std::uint32_t writable = EPOLLOUT | EPOLLHUP | EPOLLERR;
            unsigned ready = 0;
            if ((events[i].events & readable) != 0) ready |= io_read;
            if ((events[i].events & writable) != 0) ready |= io_write;
            if ((events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0)
                source->hung_up = true;
            if ((ready & io_read) != 0) source->readable = true;
            if ((ready & io_write) != 0) source->writable = true;
            source->on_ready(ready);
        }
    }

    void wake() noexcept override {
        const int saved = errno;
        const std::uint64_t one = 1;
        // Only a full counter refuses, and then the loop is being woken already.
        [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
        errno = saved;
    }

    void arm_fileno(time_point when) noexcept override {
        itimerspec spec{};
        const auto at = when.time_since_epoch();
        spec.it_value = to_timespec(at.count() > 0 ? at : std::chrono::nanoseconds(1));
        ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
    }

    std::uint64_t random() noexcept override {
        seed_ += 0x9e3779b97f4a7c15u;
        std::uint64_t z = seed_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    int watch(io_source& source, unsigned events) noexcept override {
        epoll_event e{};
        e.data.ptr = &source;
        if ((events & io_read) != 0) e.events |= EPOLLIN;
        if ((events & io_write) != 0) e.events |= EPOLLOUT;
        if (events == 0) {
            source.registered = false;
            return control(EPOLL_CTL_DEL, source.fd, e);
        }
        // The descriptor may have been closed and opened again behind our back.
        if (source.registered) {
            const int error = control(EPOLL_CTL_MOD, source.fd, e);
            if (error != ENOENT) return error;
        }
        return add(source, e);
    }
    int attach(io_source& source) noexcept override {
        epoll_event e{};
        e.data.ptr = &source;
        e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
        return add(source, e);
    }
    void detach(io_source& source) noexcept override {
        // LIFETIME: closing a descriptor does not do this while a forked child holds it.
        epoll_event e{};
        if (std::exchange(source.registered, false)) control(EPOLL_CTL_DEL, source.fd, e);
    }

    sys_result open_socket(address_family family, socket_type type) noexcept override {
        return result_of(::socket(system_family(family), system_type(type), 0));
    }
    sys_result open_pair(socket_type type, int (&fds)[2]) noexcept override {
        return result_of(::socketpair(AF_UNIX, system_type(type), 0, fds));
    }
    sys_result connect(io_source& s, const raw_address& to) noexcept override {
        return result_of(::connect(s.fd, to_sockaddr(to), to.size));
    }
    sys_result connect_result(io_source& s) noexcept override {
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(s.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        return {0, error};
    }
    sys_result bind(int fd, const raw_address& to) noexcept override {
        return result_of(::bind(fd, to_sockaddr(to), to.size));
    }
    sys_result listen(int fd, int backlog) noexcept override {
        return result_of(::listen(fd, backlog));
    }
    sys_result accept(io_source& s, raw_address& peer) noexcept override {
        socklen_t size = sizeof peer.data;
        const auto fd = retry([&] {
            size = sizeof peer.data;
            return ::accept4(s.fd, to_sockaddr(peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        });
        peer.size = size;
        return noting(result_of(fd), s.readable);
    }
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override {
        const auto n = retry([&] { return ::recv(s.fd, data, size, 0); });
        // A short read has drained the socket: the next edge will tell. Not so once the end has
        // been announced.
        if (n > 0 && static_cast<std::size_t>(n) < size && !s.hung_up) s.readable = false;
        return noting(result_of(n), s.readable);
    }
    sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept override {
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
    sys_result recv_from(io_source& s, void* data, std::size_t size,
                         raw_address& from) noexcept override {
        socklen_t length = sizeof from.data;
        const auto n = retry([&] {
            length = sizeof from.data;
            return ::recvfrom(s.fd, data, size, 0, to_sockaddr(from), &length);
        });
        from.size = length;
        return noting(result_of(n), s.readable);
    }
    sys_result send_to(io_source& s, const void* data, std::size_t size,
                       const raw_address& to) noexcept override {
        const auto n = retry(
            [&] { return ::sendto(s.fd, data, size, MSG_NOSIGNAL, to_sockaddr(to), to.size); });
        return noting(result_of(n), s.writable);
    }
    sys_result shutdown(int fd, bool read, bool write) noexcept override {
        return result_of(::shutdown(fd, read && write ? SHUT_RDWR : write ? SHUT_WR : SHUT_RD));
    }
    void close(int fd) noexcept override { ::close(fd); }
    void abort(int fd) noexcept override {
        const linger none{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        ::close(fd);
    }
    sys_result local_address(int fd, raw_address& out) noexcept override {
        socklen_t size = sizeof out.data;
        const sys_result r = result_of(::getsockname(fd, to_sockaddr(out), &size));
        out.size = r.ok() ? size : 0;
        return r;
    }
    sys_result peer_address(int fd, raw_address& out) noexcept override {
        socklen_t size = sizeof out.data;
        const sys_result r = result_of(::getpeername(fd, to_sockaddr(out), &size));
        out.size = r.ok() ? size : 0;
        return r;
    }
    sys_result get_option(int fd, socket_option option) noexcept override {
        const auto [level, name] = option_of(option);
        int value = 0;
        socklen_t size = sizeof value;
        const sys_result r = result_of(::getsockopt(fd, level, name, &value, &size));
        return r.ok() ? sys_result{value, 0} : r;
    }
    sys_result set_option(int fd, socket_option option, int value) noexcept override {
        const auto [level, name] = option_of(option);
        return result_of(::setsockopt(fd, level, name, &value, sizeof value));
    }

    sys_result socket_file(const char* path, file_identity& out) noexcept override {
        struct stat found{};
        const sys_result r = result_of(::stat(path, &found));
        if (!r.ok()) return r;
        if (!S_ISSOCK(found.st_mode)) return {-1, ENOTSOCK};
        out = {found.st_dev, found.st_ino};
        return r;
    }
    sys_result remove_file(const char* path) noexcept override { return result_of(::unlink(path)); }

   private:
    static constexpr int batch = 256;

    void add_own(int fd) {
        epoll_event e{};
        e.events = EPOLLIN | EPOLLET;
        const int error = control(EPOLL_CTL_ADD, fd, e);
        if (error != 0)
            throw std::system_error(error, std::generic_category(), "asyncio: epoll_ctl");
    }
    int control(int operation, int fd, epoll_event& e) noexcept {
        return ::epoll_ctl(epoll_.get(), operation, fd, &e) == 0 ? 0 : errno;
    }
    int add(io_source& source, epoll_event& e) noexcept {
        const int error = control(EPOLL_CTL_ADD, source.fd, e);
        source.registered = error == 0;
        return error;
    }
    /// A call that would have blocked clears its hint.
    static sys_result noting(sys_result r, bool& hint) noexcept {
        if (r.would_block()) hint = false;
        return r;
    }
    int wait(epoll_event* events, delay timeout) noexcept {
        const auto ns = timeout.nanoseconds();
        if (timeout.is_forever()) return ::epoll_wait(epoll_.get(), events, batch, -1);
        if (ns.count() <= 0) return ::epoll_wait(epoll_.get(), events, batch, 0);
        if (precise_) {
            const timespec t = to_timespec(ns);
            const int n = ::epoll_pwait2(epoll_.get(), events, batch, &t, nullptr);
            if (n >= 0 || errno != ENOSYS) return n;
            precise_ = false;
        }
        constexpr std::int64_t longest_ms = 24 * 3600 * 1000;
        const std::int64_t ms = (ns.count() + 999'999) / 1'000'000;
        return ::epoll_wait(epoll_.get(), events, batch,
                            static_cast<int>(ms < longest_ms ? ms : longest_ms));
    }

    owned_fd epoll_;
    owned_fd wake_;
    owned_fd timer_;
    std::uint64_t seed_ = 0;
    bool precise_ = true;  // the kernel has epoll_pwait2
};

}  // namespace

std::unique_ptr<backend> make_epoll_backend() { return std::make_unique<epoll_backend>(); }

}  // namespace asyncio::detail
