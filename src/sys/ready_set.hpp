// ready_set: descriptors of which somebody wants to know which are readable, from any thread.
#pragma once

#include <cstdint>
#include <span>

#include "asyncio/base/delay.hpp"
#include "sys/descriptor.hpp"

namespace asyncio::detail {

class ready_set {
   public:
    /// errno or 0.
    int open() noexcept;
    /// `key` is what wait() gives for it.
    int add(int fd, std::uint64_t key) noexcept;
    void remove(int fd) noexcept;
    /// Fills in the keys of what is readable, after at most `timeout`; gives those that there are.
    std::span<std::uint64_t> wait(std::span<std::uint64_t> keys, delay timeout) noexcept;
    /// Readable itself while something in it is.
    [[nodiscard]] int fileno() const noexcept { return epoll_.get(); }

   private:
    descriptor epoll_;
};

/// A descriptor that raise() makes readable for ever.
class flag {
   public:
    int open() noexcept;
    void raise() noexcept;
    [[nodiscard]] int fileno() const noexcept { return event_.get(); }

   private:
    descriptor event_;
};

}  // namespace asyncio::detail
