// Packets between processes: whole messages, which may bring descriptors along.
#pragma once

#include <cstddef>
#include <span>

#include "asyncio/sys/backend.hpp"
#include "sys/descriptor.hpp"

namespace asyncio::detail {

enum class packet_wait : unsigned char { never, as_long_as_it_takes };

/// Two sockets that are connected to each other. errno or 0.
int open_packets(descriptor& one, descriptor& other) noexcept;

/// Sends the chunks as one packet. EPIPE if nobody reads any more.
sys_result send_packet(int socket, std::span<const const_chunk> chunks, std::span<const int> fds,
                       packet_wait wait) noexcept;

/// What came with a packet: at most two descriptors.
struct packet_descriptors {
    descriptor first;
    descriptor second;
};
/// Receives one packet; gives its size, 0 at the end. EMSGSIZE if it did not fit, or this process
/// may have no more descriptors: then what fits is there.
sys_result receive_packet(int socket, std::span<char> into, packet_descriptors& fds,
                          packet_wait wait) noexcept;

}  // namespace asyncio::detail
