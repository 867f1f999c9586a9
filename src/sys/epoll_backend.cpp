#include "sys/epoll_backend.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

namespace asyncio::detail {

namespace {

constexpr int batch = 256;

// The thread sanitizer keeps back a signal that comes while the program computes, until a call that
// it knows. It does not know epoll_pwait2: a program would sleep with the signal in its pocket.
#if defined(__SANITIZE_THREAD__)
constexpr bool may_be_precise = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool may_be_precise = false;
#else
constexpr bool may_be_precise = true;
#endif
#else
constexpr bool may_be_precise = true;
#endif

timespec to_timespec(std::chrono::nanoseconds ns) noexcept {
    timespec t{};
    t.tv_sec = static_cast<time_t>(ns.count() / 1'000'000'000);
    t.tv_nsec = static_cast<long>(ns.count() % 1'000'000'000);
    return t;
}

/// Waits for at most `timeout`; gives how many events there are, or -1. `precise` becomes false if
/// the kernel knows milliseconds only.
int wait_for_events(int epoll, epoll_event* events, delay timeout, bool& precise) noexcept {
    const auto ns = timeout.nanoseconds();
    if (timeout.is_forever()) return ::epoll_wait(epoll, events, batch, -1);
    if (ns.count() <= 0) return ::epoll_wait(epoll, events, batch, 0);
    if (may_be_precise && precise) {
        const timespec t = to_timespec(ns);
        const int n = ::epoll_pwait2(epoll, events, batch, &t, nullptr);
        if (n >= 0 || errno != ENOSYS) return n;
        precise = false;
    }
    constexpr std::int64_t longest_ms = 24 * 3600 * 1000;
    const std::int64_t ms = (ns.count() + 999'999) / 1'000'000;
    return ::epoll_wait(epoll, events, batch, static_cast<int>(std::min(ms, longest_ms)));
}

}  // namespace

owned_fd::owned_fd(int fd, const char* what) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
}

owned_fd::~owned_fd() { ::close(fd_); }

epoll_backend::epoll_backend(std::string why)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC), "asyncio: epoll_create1"),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "asyncio: eventfd"),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
             "asyncio: timerfd_create"),
      why_(std::move(why)) {
    // Edge triggered: each write is one event, so the counters need not be read.
    add_own(wake_.get());
    add_own(timer_.get());
}

std::string epoll_backend::name() const {
    return why_.empty() ? std::string("epoll") : "epoll (" + why_ + ")";
}

void epoll_backend::poll(delay timeout) {
    epoll_event events[batch];
    const int n = wait_for_events(epoll_.get(), events, timeout, precise_);
    for (int i = 0; i < n; ++i) {
        auto* source = static_cast<io_source*>(events[i].data.ptr);
        if (source == nullptr) continue;  // wake() or the armed timer
        constexpr std::uint32_t readable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
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

void epoll_backend::wake() noexcept {
    const int saved = errno;
    const std::uint64_t one = 1;
    // Only a full counter refuses, and then the loop is being woken already.
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
    errno = saved;
}

void epoll_backend::arm_fileno(time_point when) noexcept {
    itimerspec spec{};
    const auto at = when.time_since_epoch();
    spec.it_value = to_timespec(at.count() > 0 ? at : std::chrono::nanoseconds(1));
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

int epoll_backend::watch(io_source& source, unsigned events) noexcept {
    unsigned wanted = 0;
    if ((events & io_read) != 0) wanted |= EPOLLIN;
    if ((events & io_write) != 0) wanted |= EPOLLOUT;
    if (events == 0) {
        source.registered = false;
        return control(EPOLL_CTL_DEL, source.fd, 0, &source);
    }
    // The descriptor may have been closed and opened again behind our back.
    if (source.registered) {
        const int error = control(EPOLL_CTL_MOD, source.fd, wanted, &source);
        if (error != ENOENT) return error;
    }
    return add(source, wanted);
}

int epoll_backend::attach(io_source& source) noexcept {
    return add(source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

void epoll_backend::detach(io_source& source) noexcept {
    // LIFETIME: closing a descriptor does not do this while a forked child holds it.
    if (std::exchange(source.registered, false)) control(EPOLL_CTL_DEL, source.fd, 0, &source);
}

void epoll_backend::add_own(int fd) {
    const int error = control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, nullptr);
    if (error != 0) throw std::system_error(error, std::generic_category(), "asyncio: epoll_ctl");
}

int epoll_backend::control(int operation, int fd, unsigned events, io_source* source) noexcept {
    epoll_event e{};
    e.events = events;
    e.data.ptr = source;
    return ::epoll_ctl(epoll_.get(), operation, fd, &e) == 0 ? 0 : errno;
}

int epoll_backend::add(io_source& source, unsigned events) noexcept {
    const int error = control(EPOLL_CTL_ADD, source.fd, events, &source);
    source.registered = error == 0;
    return error;
}

std::unique_ptr<backend> make_epoll_backend(std::string why) {
    return std::make_unique<epoll_backend>(std::move(why));
}

}  // namespace asyncio::detail
