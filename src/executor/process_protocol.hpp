// What goes between the pool and a worker: one packet per call, one per result.
//
// A packet is a header and, if there are few bytes, the bytes. More of them stand in shared memory,
// whose descriptor comes along; the pool numbers such memory and uses it again, so that a worker
// knows it by its number the next time. A result goes into the memory of its call, if it has any;
// a call whose result is likely to be large gets some for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>

#include "sys/call_limits.hpp"

namespace asyncio::detail {

constexpr std::size_t most_packed = std::size_t{32} << 10;
/// How much shared memory is kept to be used again, by the pool and by each worker.
constexpr std::size_t most_spare_memory = std::size_t{64} << 20;

struct call_header {
    std::uint64_t id = 0;
    std::uint64_t size = 0;         ///< of the request
    std::uint64_t packed = 0;       ///< how much of it is here; 0: all is in the shared memory
    std::uint64_t memory = 0;       ///< the number of the shared memory; 0: none
    std::uint64_t memory_size = 0;  ///< of all of the memory
    std::uint64_t max_result = 0;
    call_limits limits{};
};

enum class reply_kind : std::uint32_t { value, error };
enum class reply_place : std::uint32_t { packed, in_memory_of_call, in_new_memory };

struct reply_header {
    std::uint64_t id = 0;
    std::uint64_t size = 0;
    std::uint64_t memory_size = 0;
    reply_kind kind = reply_kind::value;
    reply_place place = reply_place::packed;
};

/// Throws std::length_error if there are more bytes than the pool allows. `what_has` begins the
/// sentence: "the result of a call has".
void check_message_size(const char* what_has, std::size_t size, std::size_t limit);

/// Takes calls from the socket until the pool closes it.
void run_worker(int socket) noexcept;

/// An exception as bytes, and back. Both take whatever there is and throw only std::bad_alloc.
[[nodiscard]] std::string pack_exception(const std::exception_ptr& error);
[[nodiscard]] std::exception_ptr unpack_exception(std::span<const char> bytes);

}  // namespace asyncio::detail
