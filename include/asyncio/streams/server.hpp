// A server: listening sockets, and a task for each connection that they accept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "asyncio/base/context.hpp"
#include "asyncio/net/address.hpp"
#include "asyncio/net/io_object.hpp"
#include "asyncio/streams/stream_reader.hpp"
#include "asyncio/streams/stream_writer.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/task/coroutine.hpp"
#include "asyncio/task/future.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

class server_state;

/// One listening socket.
class listener final : public io_object, public ready_node, public timer_node {
   public:
    explicit listener(event_loop& loop) : io_object(&loop), ready_node(&run_accept) {}
    void start(server_state& owner) noexcept;
    void stop() noexcept;
    void pause(delay d) noexcept;
    void queue_accept() noexcept;
    void on_ready(unsigned events) noexcept override;
    void loop_closed() noexcept override;

    socket_address address;
    std::string path;  ///< of its file, if it has one
    file_identity file;

   private:
    static void run_accept(ready_node& n);
    static void fire(timer_node& n, timer_event e) noexcept;
    ref<server_state> owner_;  ///< while it listens
};

/// A connection that was accepted, and what is to be done when its handler has ended.
class server_client : public stream_state, public done_node {
   public:
    explicit server_client(server_state& s);
    void begin(int descriptor, const raw_address& peer) noexcept;
    /// The handler runs: this is its task.
    void watch(future_state_base& task) noexcept;
    /// There is no handler.
    void refuse() noexcept;
    [[nodiscard]] bool belongs_to(const server_state& s) const noexcept {
        return server_.get() == &s;
    }
    void loop_closed() noexcept override;

   private:
    /// The handler has ended: what it was lent comes back.
    virtual void take_back() noexcept {}
    void future_done(future_state_base& task) noexcept override;
    void future_dropped() noexcept override { release(); }
    void service() override;
    void end_handler();
    void connection_ended() noexcept override;
    ref<server_state> server_;           ///< while it is open or has a handler
    ref<future_state_base> ended_task_;  ///< the handler's, until it was looked at
};

/// For a handler that may take references: they live until its task has ended.
class lending_client final : public server_client {
   public:
    explicit lending_client(server_state& s)
        : server_client(s), reader(ref<stream_state>(this)), writer(ref<stream_state>(this)) {}
    stream_reader reader;
    stream_writer writer;

   private:
    void take_back() noexcept override;
};

/// What the handles on a server share. The handler is in server_of.
class server_state : public pooled {
   public:
    server_state(std::size_t reader_limit, bool handler_borrows) noexcept
        : limit(reader_limit), lends(handler_borrows) {}
    server_state(const server_state&) = delete;
    server_state& operator=(const server_state&) = delete;
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) delete this;
    }

    void start();
    void close() noexcept;
    void accept_from(listener& l);
    void client_ended() noexcept;
    /// The connections that are open.
    [[nodiscard]] std::vector<ref<stream_state>> clients() const;
    /// `t`: the handler's task, if it has become one.
    void report_handler(const std::exception_ptr& e, const task_state_base* t);

    ref<loop_core> loop;
    std::vector<ref<listener>> listeners;
    std::size_t open_clients = 0;
    event over;        ///< closed, and without connections
    future<> forever;  ///< of serve_forever()
    const std::size_t limit;
    int backlog = 100;
    const bool lends;  ///< the handler may take references
    bool serving = false;
    bool closed = false;
    context_ref context;  ///< of start_server's caller: the handlers begin with a copy

   protected:
    virtual ~server_state();
    /// Starts the task of a connection.
    virtual task<> handle(server_client& c) = 0;
    [[nodiscard]] event_loop& the_loop() const noexcept { return static_cast<event_loop&>(*loop); }

   private:
    void admit(int descriptor, const raw_address& peer);
    bool survive(listener& l, int error);
    template <class Make>
    void report(Make make);
    std::uint32_t refs_ = 0;
};

/// True for handlers that certainly take their reader and writer by value.
template <class F>
struct takes_values : std::false_type {};
template <class R>
struct takes_values<R (*)(stream_reader, stream_writer)> : std::true_type {};
template <class C, class R>
struct takes_values<R (C::*)(stream_reader, stream_writer)> : std::true_type {};
template <class C, class R>
struct takes_values<R (C::*)(stream_reader, stream_writer) const> : std::true_type {};
template <class F>
    requires requires { &F::operator(); }
struct takes_values<F> : takes_values<decltype(&F::operator())> {};

template <class Handler>
class server_of final : public server_state {
   public:
    template <class H>
    server_of(std::size_t reader_limit, H&& handler)
        : server_state(reader_limit, !takes_values<Handler>::value),
          handler_(std::forward<H>(handler)) {}

   private:
    task<> handle(server_client& c) override {
        if constexpr (takes_values<Handler>::value) {
            const ref<stream_state> s(&c);
            return the_loop().create_task(
                to_coroutine(handler_(stream_reader(s), stream_writer(s))));
        } else if constexpr (std::is_invocable_v<Handler&, stream_reader, stream_writer>) {
            auto& lent = static_cast<lending_client&>(c);
            return the_loop().create_task(
                to_coroutine(handler_(std::move(lent.reader), std::move(lent.writer))));
        } else {
            auto& lent = static_cast<lending_client&>(c);
            return the_loop().create_task(to_coroutine(handler_(lent.reader, lent.writer)));
        }
    }
    Handler handler_;
};

}  // namespace detail

/// A running server. A handle: copies refer to the same one. It serves until close() is called or
/// the loop closes, also when every handle is dropped. `co_await with(co_await start_server(...),
/// body)` closes it at the end and waits for its connections. The loop's thread.
class server {
   public:
    explicit server(detail::ref<detail::server_state> state) noexcept : state_(std::move(state)) {}

    /// Where it listens. Empty once it is closed.
    [[nodiscard]] std::vector<socket_address> addresses() const;
    /// The port of the first address: the real one, if 0 was asked for. 0 once it is closed.
    [[nodiscard]] std::uint16_t port() const;
    /// True while it accepts connections.
    [[nodiscard]] bool is_serving() const { return checked()->serving; }
    /// Begins to accept, if it was made with start_serving = false. Again: nothing. Throws
    /// std::runtime_error once it is closed.
    [[nodiscard]] coroutine<> start_serving() const;
    /// Accepts until the waiting task is cancelled, which closes the server and its connections, as
    /// close_clients() does, and waits until these are closed. A handler that does something else
    /// then, or still has to, is not waited for. close() ends it with a cancelled_error, too, and
    /// leaves the connections alone. One task at a time.
    [[nodiscard]] coroutine<> serve_forever() const;
    /// Stops listening. Connections that are open stay so. Again: nothing.
    void close() const { checked()->close(); }
    /// Closes every connection after what was written has been sent.
    void close_clients() const;
    /// Closes every connection at once and drops what is unsent.
    void abort_clients() const;
    /// Waits until close() was called and the last connection is closed.
    [[nodiscard]] coroutine<> wait_closed() const;
    /// The loop that it runs on.
    [[nodiscard]] event_loop& get_loop() const;

    /// For with(): nothing to do at the beginning.
    void enter() const noexcept {}
    /// For with(): closes and waits.
    [[nodiscard]] coroutine<> exit() const;

   private:
    /// The state. Throws invalid_state_error if the handle was moved from.
    [[nodiscard]] const detail::ref<detail::server_state>& checked() const;
    detail::ref<detail::server_state> state_;
};

}  // namespace asyncio
