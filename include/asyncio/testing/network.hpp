// The network of a simulation, and what can go wrong with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "asyncio/base/delay.hpp"

namespace asyncio::testing {

/// What can be made to go wrong.
enum class fault : std::uint8_t {
    loss,                  ///< a segment is sent again later; a datagram is gone
    reset,                 ///< a connection is torn
    short_read,            ///< a read gives less than there is
    short_write,           ///< a write takes less than there is room for
    partition,             ///< something could not pass between two hosts
    too_many_descriptors,  ///< a host had no descriptor left
    kill,                  ///< a process died
    power_off,             ///< a machine vanished
    slow_reader,           ///< data waited for a slow host
    failed_lookup,         ///< a name was not found
};
/// How many kinds of faults there are.
inline constexpr std::size_t fault_kinds = 10;

/// "loss", "reset", ...
[[nodiscard]] std::string_view to_string(fault f) noexcept;

/// How the simulated network is. Between the sockets of one host there is neither loss nor latency
/// to speak of.
struct network_options {
    delay min_latency = std::chrono::microseconds(100);  ///< from host to host, one way
    delay max_latency = std::chrono::milliseconds(2);    ///< evenly distributed between the two
    double slow_packets = 0;     ///< the share of segments that take ten times as long
    double loss = 0;             ///< the share of segments that are lost
    double resets = 0;           ///< the share of segments with which their connection is torn
    double short_reads = 0;      ///< the share of reads that give less than there is
    double short_writes = 0;     ///< the share of writes that take less than they could
    std::size_t window = 65536;  ///< bytes on their way or unread, per direction of a connection
    std::size_t descriptors = 1024;  ///< per host
};

}  // namespace asyncio::testing
