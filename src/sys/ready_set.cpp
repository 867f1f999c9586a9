#include "sys/ready_set.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace asyncio::detail {

namespace {

/// Whole milliseconds, rounded up; -1: without a limit.
int milliseconds(delay d) noexcept {
    if (d.is_forever()) return -1;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d.nanoseconds()).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 86'400'000));
}

}  // namespace

int ready_set::open() noexcept {
    epoll_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
    return epoll_ ? 0 : errno;
}

int ready_set::add(int fd, std::uint64_t key) noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = key;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void ready_set::remove(int fd) noexcept { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::span<std::uint64_t> ready_set::wait(std::span<std::uint64_t> keys, delay timeout) noexcept {
    constexpr std::size_t most = 64;
    epoll_event events[most];
    const int n = ::epoll_wait(epoll_.get(), events, static_cast<int>(std::min(keys.size(), most)),
                               milliseconds(timeout));
    if (n <= 0) return {};
    for (int i = 0; i < n; ++i) keys[static_cast<std::size_t>(i)] = events[i].data.u64;
    return keys.first(static_cast<std::size_t>(n));
}

int flag::open() noexcept {
    event_ = descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return event_ ? 0 : errno;
}

void flag::raise() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

}  // namespace asyncio::detail
