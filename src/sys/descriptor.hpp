// descriptor: closes a file descriptor when it dies.
#pragma once

#include <utility>

namespace asyncio::detail {

class descriptor {
   public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    descriptor& operator=(descriptor o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    void close() noexcept;
    /// Gives the descriptor away.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

   private:
    int fd_ = -1;
};

}  // namespace asyncio::detail
