// The one interface to the outside: the clock, waiting, randomness, and sockets. epoll, io_uring
// and the simulation implement it; nothing above this room makes a system call on a socket or asks
// for the time elsewhere. Calls return results and never throw, but for construction. One thread,
// except wake().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "asyncio/base/delay.hpp"
#include "asyncio/sys/address.hpp"
#include "asyncio/sys/resolve.hpp"

namespace asyncio::detail {

/// What a call did: a count, a descriptor or nothing (`value`), or why not (`error`, an errno).
struct sys_result {
    std::int64_t value = 0;
    int error = 0;
    [[nodiscard]] bool ok() const noexcept { return error == 0; }
    [[nodiscard]] bool would_block() const noexcept;
};

enum io_events : unsigned { io_read = 1, io_write = 2 };

/// Something the backend watches. on_ready() is called while a poll is collected: it may mark,
/// queue and receive, but it runs no user code, and closes and destroys no source.
class io_source {
   public:
    explicit io_source(int descriptor) noexcept : fd(descriptor) {}
    io_source(const io_source&) = delete;
    io_source& operator=(const io_source&) = delete;
    virtual void on_ready(unsigned events) noexcept = 0;

    int fd;
    /// A hint for attached sources: false once a call would have blocked, until the backend says
    /// otherwise.
    bool readable = true;
    bool writable = true;
    /// The peer has closed, failed or sent urgent data: a short read does not mean that the socket
    /// is drained.
    bool hung_up = false;
    /// The backend's: it is registered.
    bool registered = false;
    /// The owner's: bytes may be received before recv() asks, and recv() may not find what has just
    /// come. Only for a connected stream whose descriptor nobody else reads.
    bool ahead = false;
    /// The backend's: what is under way, and what was received ahead.
    struct ring_state {
        bool joined : 1 = false;       ///< it is served by the ring
        bool receiving : 1 = false;    ///< a receive is under way
        bool awaits_data : 1 = false;  ///< a poll is under way
        bool awaits_room : 1 = false;  ///< the same, for sending
        bool tells_read : 1 = false;   ///< on_ready() is due
        bool tells_write : 1 = false;
        bool ended : 1 = false;   ///< the end was received
        bool direct : 1 = false;  ///< there may be more: the next recv() asks the system
        bool large : 1 = false;   ///< more than a buffer at a time: wait, then receive in place
        std::uint16_t buffer = 0;
        std::uint16_t begin = 0;
        std::uint16_t size = 0;   ///< kept in `buffer`
        std::uint32_t index = 0;  ///< among those that have joined
        int error = 0;            ///< what the next recv() gives
    } ring;

   protected:
    ~io_source() = default;
};

/// Which file a name in the file system stands for.
struct file_identity {
    std::uint64_t device = 0;
    std::uint64_t number = 0;
    bool operator==(const file_identity&) const noexcept = default;
};

/// A piece of memory to send.
struct const_chunk {
    const void* data;
    std::size_t size;
};

class backend {
   public:
    backend() = default;
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend() = default;

    /// "epoll", "io_uring", "simulation", and why it was chosen.
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual time_point now() noexcept = 0;
    /// Waits until a source is ready, wake() was called, or `timeout` has passed (0: asks only;
    /// forever: no limit), and calls on_ready of each ready source.
    virtual void poll(delay timeout) = 0;
    /// Ends a poll() that waits, or the next one. Any thread, and signal handlers.
    virtual void wake() noexcept = 0;
    /// A descriptor that becomes readable when poll() has something to do (for hosts with a loop of
    /// their own), or -1.
    [[nodiscard]] virtual int fileno() noexcept = 0;
    /// Makes fileno() readable at `when`, too.
    virtual void arm_fileno(time_point when) noexcept = 0;
    [[nodiscard]] virtual std::uint64_t random() noexcept = 0;
    /// True while a simulation wants to choose which of the ready runs next.
    [[nodiscard]] virtual bool picks() const noexcept { return false; }
    /// Which of `ready` (at least 1) runs next.
    [[nodiscard]] virtual std::size_t pick(std::size_t ready) noexcept {
        (void)ready;
        return 0;
    }

    /// Descriptors that somebody else owns: level triggered; `events` 0 ends it. errno or 0.
    virtual int watch(io_source& source, unsigned events) noexcept = 0;
    /// Own sockets: edge triggered in both directions, once for their whole life. errno or 0.
    virtual int attach(io_source& source) noexcept = 0;
    /// Before the descriptor is closed. Harmless if it is not attached.
    virtual void detach(io_source& source) noexcept = 0;

    /// Sockets. Each call is made at once and never waits; EAGAIN clears the source's hint.
    virtual sys_result open_socket(address_family family, socket_type type) noexcept = 0;
    /// Two sockets that are connected to each other, without a name.
    virtual sys_result open_pair(socket_type type, int (&fds)[2]) noexcept = 0;
    virtual sys_result connect(io_source& s, const raw_address& to) noexcept = 0;
    /// How a connect() that was in progress ended.
    virtual sys_result connect_result(io_source& s) noexcept = 0;
    virtual sys_result bind(int fd, const raw_address& to) noexcept = 0;
    virtual sys_result listen(int fd, int backlog) noexcept = 0;
    virtual sys_result accept(io_source& s, raw_address& peer) noexcept = 0;
    virtual sys_result recv(io_source& s, void* data, std::size_t size) noexcept = 0;
    virtual sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept = 0;
    virtual sys_result recv_from(io_source& s, void* data, std::size_t size,
                                 raw_address& from) noexcept = 0;
    virtual sys_result send_to(io_source& s, const void* data, std::size_t size,
                               const raw_address& to) noexcept = 0;
    virtual sys_result shutdown(int fd, bool read, bool write) noexcept = 0;
    virtual void close(int fd) noexcept = 0;
    /// Drops the connection: the peer sees a reset.
    virtual void abort(int fd) noexcept = 0;
    virtual sys_result local_address(int fd, raw_address& out) noexcept = 0;
    virtual sys_result peer_address(int fd, raw_address& out) noexcept = 0;
    virtual sys_result get_option(int fd, socket_option option) noexcept = 0;
    virtual sys_result set_option(int fd, socket_option option, int value) noexcept = 0;

    /// The socket's own file in the file system: which one it is, and its removal. ENOTSOCK if
    /// there is something else.
    virtual sys_result socket_file(const char* path, file_identity& out) noexcept = 0;
    virtual sys_result remove_file(const char* path) noexcept = 0;
    /// True if this backend knows names itself, at once, as simulations do; else system_resolve is
    /// asked in a thread.
    virtual bool resolve(const name_query& query, name_answer& out) {
        (void)query;
        (void)out;
        return false;
    }
    /// The same for an address's names; else system_name_of is asked.
    virtual bool name_of(const raw_address& address, host_and_service& out) {
        (void)address;
        (void)out;
        return false;
    }
};

/// The backend over epoll; `why` is what its name adds. Throws std::system_error if the kernel
/// refuses the descriptors.
[[nodiscard]] std::unique_ptr<backend> make_epoll_backend(std::string why = {});
/// The backend over io_uring, which makes do with epoll where the kernel refuses: its name tells.
/// Throws as make_epoll_backend().
[[nodiscard]] std::unique_ptr<backend> make_uring_backend();

}  // namespace asyncio::detail
