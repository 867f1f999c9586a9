// The backend over epoll. Own sockets are registered once, edge triggered, and tried before anybody
// waits.
#pragma once

#include <string>

#include "sys/socket_backend.hpp"

namespace asyncio::detail {

class owned_fd {
   public:
    /// Throws std::system_error if `fd` is not one: `what` failed.
    owned_fd(int fd, const char* what);
    owned_fd(const owned_fd&) = delete;
    owned_fd& operator=(const owned_fd&) = delete;
    ~owned_fd();
    [[nodiscard]] int get() const noexcept { return fd_; }

   private:
    int fd_;
};

class epoll_backend : public socket_backend {
   public:
    explicit epoll_backend(std::string why = {});

    std::string name() const override;
    void poll(delay timeout) override;
    void wake() noexcept override;
    int fileno() noexcept override { return epoll_.get(); }
    void arm_fileno(time_point when) noexcept override;
    int watch(io_source& source, unsigned events) noexcept override;
    int attach(io_source& source) noexcept override;
    void detach(io_source& source) noexcept override;

   protected:
    [[nodiscard]] int epoll_fd() const noexcept { return epoll_.get(); }

   private:
    void add_own(int fd);
    int control(int operation, int fd, unsigned events, io_source* source) noexcept;
    int add(io_source& source, unsigned events) noexcept;

    owned_fd epoll_;
    owned_fd wake_;
    owned_fd timer_;
    std::string why_;
    bool precise_ = true;  ///< the kernel has epoll_pwait2
};

}  // namespace asyncio::detail
