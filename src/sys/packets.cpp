#include "sys/packets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace asyncio::detail {

void descriptor::close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

namespace {

constexpr std::size_t most_descriptors = 2;
constexpr std::size_t most_chunks = 4;

union control_buffer {
    cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int) * most_descriptors)];
};

int flags_of(packet_wait wait) noexcept { return wait == packet_wait::never ? MSG_DONTWAIT : 0; }

}  // namespace

int open_packets(descriptor& one, descriptor& other) noexcept {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return errno;
    // Enough for a packet of the largest kind, whatever the system's default is.
    const int room = 128 << 10;
    for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    one = descriptor(fds[0]);
    other = descriptor(fds[1]);
    return 0;
}

sys_result send_packet(int socket, std::span<const const_chunk> chunks, std::span<const int> fds,
                       packet_wait wait) noexcept {
    iovec parts[most_chunks];
    msghdr message{};
    message.msg_iov = parts;
    for (const const_chunk& chunk : chunks.first(std::min(chunks.size(), most_chunks)))
        parts[message.msg_iovlen++] = {const_cast<void*>(chunk.data), chunk.size};
    control_buffer control{};
    if (!fds.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        const ssize_t n = ::sendmsg(socket, &message, MSG_NOSIGNAL | flags_of(wait));
        if (n >= 0) return {.value = n, .error = 0};
        if (errno != EINTR) return {.value = 0, .error = errno};
    }
}

sys_result receive_packet(int socket, std::span<char> into, packet_descriptors& fds,
                          packet_wait wait) noexcept {
    control_buffer control{};
    iovec part{into.data(), into.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ssize_t n = 0;
    do {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control;
        n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags_of(wait));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return {.value = 0, .error = errno};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            (i == 0 ? fds.first : fds.second) = descriptor(fd);
        }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return {.value = n, .error = EMSGSIZE};
    return {.value = n, .error = 0};
}

}  // namespace asyncio::detail
