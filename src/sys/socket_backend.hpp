// The system's clock, its random numbers and its calls on sockets: what every backend over the
// kernel has, however it waits.
#pragma once

#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

class socket_backend : public backend {
   public:
    socket_backend();

    time_point now() noexcept override { return clock::now(); }
    std::uint64_t random() noexcept override;

    sys_result open_socket(address_family family, socket_type type) noexcept override;
    sys_result open_pair(socket_type type, int (&fds)[2]) noexcept override;
    sys_result connect(io_source& s, const raw_address& to) noexcept override;
    sys_result connect_result(io_source& s) noexcept override;
    sys_result bind(int fd, const raw_address& to) noexcept override;
    sys_result listen(int fd, int backlog) noexcept override;
    sys_result accept(io_source& s, raw_address& peer) noexcept override;
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override;
    sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept override;
    sys_result recv_from(io_source& s, void* data, std::size_t size,
                         raw_address& from) noexcept override;
    sys_result send_to(io_source& s, const void* data, std::size_t size,
                       const raw_address& to) noexcept override;
    sys_result shutdown(int fd, bool read, bool write) noexcept override;
    void close(int fd) noexcept override;
    void abort(int fd) noexcept override;
    sys_result local_address(int fd, raw_address& out) noexcept override;
    sys_result peer_address(int fd, raw_address& out) noexcept override;
    sys_result get_option(int fd, socket_option option) noexcept override;
    sys_result set_option(int fd, socket_option option, int value) noexcept override;
    sys_result socket_file(const char* path, file_identity& out) noexcept override;
    sys_result remove_file(const char* path) noexcept override;

   private:
    std::uint64_t seed_ = 0;
};

}  // namespace asyncio::detail
