// The writing end of a connection.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "asyncio/net/address.hpp"
#include "asyncio/streams/stream_state.hpp"

namespace asyncio {

/// Writes bytes to a connection. A handle: copies write to the same connection; when the last one
/// is dropped the connection is closed, after what was written has been sent. The loop's thread.
class stream_writer {
   public:
    explicit stream_writer(detail::ref<detail::stream_state> state) noexcept
        : state_(std::move(state)) {
        state_->add_writer();
    }
    stream_writer(const stream_writer& o) noexcept : state_(o.state_) {
        if (state_) state_->add_writer();
    }
    stream_writer(stream_writer&& o) noexcept = default;
    stream_writer& operator=(stream_writer o) noexcept {
        std::swap(state_, o.state_);
        return *this;
    }
    ~stream_writer() {
        if (state_) state_->drop_writer();
    }

    /// Sends `data` at once as far as the system takes it, and keeps a copy of the rest, to be sent
    /// as soon as possible. Never waits: after large or many writes co_await drain(). Into a
    /// connection that is lost or closed it writes nothing, and drain() throws. Throws
    /// std::runtime_error after write_eof().
    void write(std::string_view data) const {
        const detail::const_chunk chunk{data.data(), data.size()};
        checked()->write({&chunk, 1});
    }
    /// Writes every element of a range of strings, with as few system calls as possible.
    template <class Range>
        requires requires(const Range& r) { std::string_view(*std::begin(r)); }
    void writelines(const Range& pieces) const {
        std::vector<detail::const_chunk> chunks;
        for (const std::string_view piece : pieces) chunks.push_back({piece.data(), piece.size()});
        write_chunks(chunks);
    }
    /// The same for a list of strings.
    void writelines(std::initializer_list<std::string_view> pieces) const {
        writelines<std::initializer_list<std::string_view>>(pieces);
    }
    /// Waits while more than the high water (64 KiB) is unsent, until it is at most the low water
    /// (16 KiB). Throws std::system_error if the connection is lost, or closed by this end. A
    /// cancel takes back nothing that was written. Many tasks may wait.
    [[nodiscard]] detail::drain_wait drain() const { return detail::drain_wait(checked()); }

    /// Closes this direction after what was written has been sent: the peer reads the end. Reading
    /// goes on.
    void write_eof() const { checked()->write_eof(); }
    /// Whether write_eof() is possible.
    [[nodiscard]] bool can_write_eof() const noexcept { return true; }
    /// Closes the connection after what was written has been sent. The reader is at its end. Again:
    /// nothing.
    void close() const { checked()->close(); }
    /// True once close() or abort() was called.
    [[nodiscard]] bool is_closing() const { return checked()->closing(); }
    /// Waits until the connection is closed. Throws what made the connection lose data that was
    /// written, if something did.
    [[nodiscard]] detail::closed_wait wait_closed() const { return detail::closed_wait(checked()); }
    /// Closes the connection at once and drops what is unsent; the peer sees a reset.
    void abort() const { checked()->abort(); }

    /// The peer's address.
    [[nodiscard]] socket_address peername() const { return socket_address(checked()->peer()); }
    /// The connection's own address; none once it is closed.
    [[nodiscard]] socket_address sockname() const;
    /// "peername" or "sockname"; nothing for other names.
    [[nodiscard]] std::optional<socket_address> get_extra_info(std::string_view name) const;
    /// The descriptor, which stays the connection's; -1 once it is closed.
    [[nodiscard]] int fileno() const { return checked()->fd; }
    /// How much is unsent when drain() begins to wait, and when it has waited enough. Throws
    /// std::invalid_argument if `low` is above `high`.
    void set_write_buffer_limits(std::size_t high, std::size_t low) const;
    /// How many bytes are written and not yet sent.
    [[nodiscard]] std::size_t get_write_buffer_size() const { return checked()->unsent(); }

   private:
    /// The state. Throws invalid_state_error if it was moved from.
    [[nodiscard]] const detail::ref<detail::stream_state>& checked() const;
    void write_chunks(std::span<const detail::const_chunk> chunks) const;
    detail::ref<detail::stream_state> state_;
};

}  // namespace asyncio
