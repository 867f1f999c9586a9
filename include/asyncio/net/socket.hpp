// Bare sockets, and the calls of the loop that wait for them: sock_recv, sock_sendall and so on.
#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "asyncio/net/address.hpp"
#include "asyncio/net/io_object.hpp"

namespace asyncio {

class socket;

namespace detail {

class socket_state final : public io_object {
   public:
    socket_state(event_loop& loop, address_family f, socket_type t)
        : io_object(&loop), family(f), type(t) {}
    const address_family family;
    const socket_type type;
    raw_address peer;  ///< size 0: not known
};

}  // namespace detail

/// A socket that never blocks: it is used with loop.sock_recv() and its like; for whole connections
/// open_connection() and start_server() are simpler. Move-only; closes on destruction and with its
/// loop. A call that waits keeps the descriptor until it has ended. The loop's thread.
class socket {
   public:
    /// No socket.
    socket() noexcept = default;
    /// A new one on the running loop. Throws std::system_error if the system refuses.
    explicit socket(address_family family, socket_type type = socket_type::stream);
    /// A new one on `loop`.
    socket(event_loop& loop, address_family family, socket_type type = socket_type::stream);
    explicit socket(detail::ref<detail::socket_state> state) noexcept : state_(std::move(state)) {}
    socket(socket&& o) noexcept = default;
    socket& operator=(socket&& o) noexcept {
        if (this != &o) {
            close();
            state_ = std::move(o.state_);
        }
        return *this;
    }
    ~socket() { close(); }

    /// Two Unix sockets of the running loop that are connected to each other.
    [[nodiscard]] static std::pair<socket, socket> pair(socket_type type = socket_type::stream);

    /// Gives it an address. Port 0: any free port. Throws std::system_error.
    void bind(const socket_address& address);
    /// Lets others connect; up to `backlog` wait to be accepted. Throws std::system_error.
    void listen(int backlog = 100);
    /// Sets an option; throws std::system_error if the socket does not have it.
    void setsockopt(socket_option option, int value);
    [[nodiscard]] int getsockopt(socket_option option) const;
    /// Its own address. Throws std::system_error.
    [[nodiscard]] socket_address getsockname() const;
    /// The other end's. Throws std::system_error if it is not connected.
    [[nodiscard]] socket_address getpeername() const;
    /// No more sending: the peer reads the end. Throws std::system_error.
    void shutdown_write();
    /// The descriptor, for calls that the library does not have; -1 if it is closed. It stays the
    /// socket's.
    [[nodiscard]] int fileno() const noexcept { return state_ ? state_->fd : -1; }
    [[nodiscard]] address_family family() const;
    [[nodiscard]] socket_type type() const;
    /// Closes it. Calls that wait for it end with std::system_error. Again: nothing.
    void close() noexcept {
        if (state_) state_->close_descriptor();
    }
    /// The state, if it is open. Throws std::system_error ("bad file descriptor") that names `api`.
    [[nodiscard]] const detail::ref<detail::socket_state>& checked(const char* api) const;

   private:
    detail::ref<detail::socket_state> state_;
};

/// What sock_recvfrom gives.
struct datagram {
    datagram(std::string bytes, const socket_address& sender)
        : data(std::move(bytes)), address(sender) {}
    /// The bytes, and who sent them.
    std::string data;
    socket_address address;
};

/// What sock_accept gives.
struct accepted {
    accepted(socket s, const socket_address& peer) : connection(std::move(s)), address(peer) {}
    /// The new connection, and its peer.
    socket connection;
    socket_address address;
};

namespace detail {

/// What all calls on a bare socket share.
class socket_operation : public io_operation {
   protected:
    socket_operation(const char* api, ref<socket_state> s) noexcept
        : api_(api), socket_(std::move(s)) {}
    socket_operation(socket_operation&& o) noexcept
        : io_operation(o), api_(o.api_), socket_(std::move(o.socket_)) {}
    ~socket_operation() = default;

    void suspend(promise_base& p, io_operation*& place);
    /// The result; throws a cancel or an error.
    std::int64_t finish();
    /// Keeps the result of a call. False: it would have blocked.
    bool keep(sys_result r) noexcept {
        if (r.would_block()) return false;
        result_ = r;
        return true;
    }
    [[nodiscard]] backend& outside() const noexcept { return socket_->outside(); }

    const char* api_;
    ref<socket_state> socket_;
    sys_result result_{-1, 0};

   private:
    void closed() noexcept override;
    [[nodiscard]] std::string describe() const override;
};

/// The awaiter's part of it. `Direction` is where it waits: as a reader or as a writer.
template <io_operation* io_object::* Direction>
class socket_call : public socket_operation {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    bool await_ready() {
        begin();
        return attempt();
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h), (*socket_).*Direction);
    }

   protected:
    using socket_operation::socket_operation;
};
using reading_call = socket_call<&io_object::reader>;
using writing_call = socket_call<&io_object::writer>;

class [[nodiscard("co_await it")]] recv_into_operation final : public reading_call {
   public:
    recv_into_operation(ref<socket_state> s, std::span<char> into) noexcept
        : reading_call("sock_recv_into", std::move(s)), into_(into) {}
    std::size_t await_resume() { return static_cast<std::size_t>(finish()); }

   private:
    bool attempt() noexcept override;
    std::span<char> into_;
};

class [[nodiscard("co_await it")]] recv_operation final : public reading_call {
   public:
    recv_operation(ref<socket_state> s, std::size_t n) noexcept
        : reading_call("sock_recv", std::move(s)), wanted_(n) {}
    std::string await_resume() {
        finish();
        return std::move(data_);
    }

   private:
    bool attempt() noexcept override;
    std::size_t wanted_;
    std::string data_;
};

class [[nodiscard("co_await it")]] recv_from_operation final : public reading_call {
   public:
    recv_from_operation(ref<socket_state> s, std::size_t n) noexcept
        : reading_call("sock_recvfrom", std::move(s)), wanted_(n) {}
    datagram await_resume() {
        finish();
        return datagram(std::move(data_), socket_address(from_));
    }

   private:
    bool attempt() noexcept override;
    std::size_t wanted_;
    std::string data_;
    raw_address from_;
};

class [[nodiscard("co_await it")]] send_all_operation final : public writing_call {
   public:
    send_all_operation(ref<socket_state> s, std::string_view data) noexcept
        : writing_call("sock_sendall", std::move(s)), data_(data) {}
    void await_resume() {
        sent_ = 0;
        finish();
    }

   private:
    bool attempt() noexcept override;
    std::string_view data_;
    std::size_t sent_ = 0;
};

class [[nodiscard("co_await it")]] send_to_operation final : public writing_call {
   public:
    send_to_operation(ref<socket_state> s, std::string_view data, const raw_address& to) noexcept
        : writing_call("sock_sendto", std::move(s)), data_(data), to_(to) {}
    std::size_t await_resume() { return static_cast<std::size_t>(finish()); }

   private:
    bool attempt() noexcept override;
    std::string_view data_;
    raw_address to_;
};

class [[nodiscard("co_await it")]] accept_operation final : public reading_call {
   public:
    explicit accept_operation(ref<socket_state> s) noexcept
        : reading_call("sock_accept", std::move(s)) {}
    accept_operation(accept_operation&&) = default;
    ~accept_operation();
    accepted await_resume();

   private:
    bool attempt() noexcept override;
    raw_address peer_;
};

/// Connects any object of the library. Gives an errno or 0.
class [[nodiscard("co_await it")]] connect_operation : public io_operation {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    connect_operation(ref<io_object> s, const raw_address& to) noexcept
        : socket_(std::move(s)), to_(to) {}
    connect_operation(connect_operation&& o) noexcept
        : io_operation(o), socket_(std::move(o.socket_)), to_(o.to_) {}

    bool await_ready() {
        begin();
        started_ = false;
        return attempt();
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }
    int await_resume() {
        check_cancelled();
        return error_;
    }

   protected:
    ref<io_object> socket_;
    raw_address to_;

   private:
    bool attempt() noexcept override;
    void closed() noexcept override;
    void suspend(promise_base& p);
    [[nodiscard]] std::string describe() const override;
    int error_ = 0;
    bool started_ = false;
};

class [[nodiscard("co_await it")]] sock_connect_operation final : public connect_operation {
   public:
    sock_connect_operation(const ref<socket_state>& s, const raw_address& to) noexcept
        : connect_operation(ref<io_object>(s.get()), to) {}
    void await_resume();
};

}  // namespace detail
}  // namespace asyncio
