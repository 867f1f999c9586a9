#include "asyncio/net/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace socket_test {

using asyncio::address_family;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::get_running_loop;
using asyncio::socket_address;
using asyncio::socket_option;
using asyncio::socket_type;
using loopback::code_of;
using loopback::error_of;
using loopback::rounds;
using namespace std::chrono_literals;

asyncio::socket listening() {
    asyncio::socket s(address_family::ipv4);
    s.setsockopt(socket_option::reuse_address, 1);
    s.bind(socket_address("127.0.0.1", 0));
    s.listen();
    return s;
}

// ---- the socket itself ----

coroutine<> set_options() {
    asyncio::socket s(address_family::ipv4);
    EXPECT_EQ(s.family(), address_family::ipv4);
    EXPECT_EQ(s.type(), socket_type::stream);
    for (const socket_option o : {socket_option::reuse_address, socket_option::reuse_port,
                                  socket_option::keep_alive, socket_option::no_delay}) {
        EXPECT_EQ(s.getsockopt(o), 0);
        s.setsockopt(o, 1);
        EXPECT_EQ(s.getsockopt(o), 1);
    }
    s.setsockopt(socket_option::send_buffer, 20'000);
    EXPECT_GE(s.getsockopt(socket_option::send_buffer), 20'000);
    s.setsockopt(socket_option::receive_buffer, 20'000);
    EXPECT_GE(s.getsockopt(socket_option::receive_buffer), 20'000);
    EXPECT_THROW(s.setsockopt(socket_option::ipv6_only, 1), std::system_error);
    EXPECT_THROW((void)s.getsockopt(socket_option::ipv6_only), std::system_error);
    asyncio::socket d(get_running_loop(), address_family::ipv4, socket_type::datagram);
    EXPECT_EQ(d.type(), socket_type::datagram);
    d.setsockopt(socket_option::broadcast, 1);
    EXPECT_THROW((void)s.getpeername(), std::system_error) << "it is not connected";
    EXPECT_THROW(d.listen(), std::system_error);
    EXPECT_THROW((void)asyncio::socket(address_family::unspecified), std::system_error);
    try {
        s.bind(socket_address("192.0.2.1", 0));
        ADD_FAILURE();
    } catch (const std::system_error& e) {
        EXPECT_EQ(std::string(e.what()).find("asyncio: bind to 192.0.2.1:0: "), 0u) << e.what();
    }
    co_return;
}

TEST(socket, has_options) { asyncio::run(set_options()); }

coroutine<> own_a_descriptor() {
    const std::size_t before = loopback::descriptors();
    {
        asyncio::socket s(address_family::ipv4);
        const int fd = s.fileno();
        asyncio::socket other(address_family::ipv4);
        EXPECT_EQ(loopback::descriptors(), before + 2);
        other = std::move(s);
        EXPECT_EQ(other.fileno(), fd);
        EXPECT_EQ(loopback::descriptors(), before + 1) << "the old one is closed";
        EXPECT_EQ(s.fileno(), -1);
        s.close();
        const asyncio::socket third = std::move(other);
        EXPECT_EQ(third.fileno(), fd);
        const asyncio::socket none;
        EXPECT_EQ(none.fileno(), -1);
        try {
            (void)none.checked("sock_recv");
            ADD_FAILURE();
        } catch (const std::system_error& e) {
            EXPECT_EQ(e.code(), std::errc::bad_file_descriptor);
            EXPECT_EQ(std::string(e.what()).find("asyncio: sock_recv: this socket is closed"), 0u);
        }
        EXPECT_THROW((void)none.family(), std::system_error);
    }
    EXPECT_EQ(loopback::descriptors(), before);
    co_return;
}

TEST(socket, owns_its_descriptor) { asyncio::run(own_a_descriptor()); }

TEST(socket, needs_a_loop_that_is_open) {
    EXPECT_THROW((void)asyncio::socket(address_family::ipv4), std::runtime_error);
    const auto loop = asyncio::new_event_loop();
    loop->close();
    EXPECT_THROW(asyncio::socket(*loop, address_family::ipv4), std::runtime_error);
}

TEST(socket, is_closed_with_its_loop) {
    asyncio::socket kept;
    asyncio::socket other;
    const auto open = [](asyncio::socket& a, asyncio::socket& b) -> coroutine<> {
        std::tie(a, b) = asyncio::socket::pair();
        co_return;
    };
    asyncio::run(open, std::ref(kept), std::ref(other));
    EXPECT_EQ(kept.fileno(), -1);
    kept.close();
}

// ---- calls that wait ----

coroutine<> send_and_receive() {
    event_loop& loop = get_running_loop();
    auto [a, b] = asyncio::socket::pair();
    auto t = asyncio::create_task(loop.sock_recv(a, 100));
    co_await rounds(3);
    EXPECT_FALSE(t.done());
    co_await loop.sock_sendall(b, "hello");
    std::string s = co_await std::move(t);
    EXPECT_EQ(s, "hello");
    co_await loop.sock_sendall(b, "");
    co_await loop.sock_sendall(b, "world");
    s = co_await loop.sock_recv(a, 3);
    EXPECT_EQ(s, "wor");
    char into[10];
    const std::size_t n = co_await loop.sock_recv_into(a, into);
    EXPECT_EQ(std::string(into, n), "ld");
    b.shutdown_write();
    s = co_await loop.sock_recv(a, 10);
    EXPECT_EQ(s, "") << "the end";
    co_await loop.sock_sendall(a, "still open");
    s = co_await loop.sock_recv(b, 100);
    EXPECT_EQ(s, "still open");
    EXPECT_THROW(asyncio::socket(address_family::ipv4).shutdown_write(), std::system_error);
}

TEST(socket, sends_and_receives) { asyncio::run(send_and_receive()); }

coroutine<> send_much() {
    event_loop& loop = get_running_loop();
    auto [a, b] = asyncio::socket::pair();
    const std::string big(8 << 20, 'x');
    auto t = asyncio::create_task(loop.sock_sendall(a, big));
    co_await rounds(3);
    EXPECT_FALSE(t.done()) << "nobody receives";
    std::size_t total = 0;
    while (total < big.size()) {
        const std::string s = co_await loop.sock_recv(b, std::size_t(1) << 20);
        EXPECT_FALSE(s.empty());
        total += s.size();
    }
    co_await t;
    EXPECT_EQ(total, big.size());
}

TEST(socket, sends_more_than_fits) { asyncio::run(send_much()); }

coroutine<> connect_and_accept() {
    event_loop& loop = get_running_loop();
    asyncio::socket server = listening();
    auto t = asyncio::create_task(loop.sock_accept(server));
    co_await rounds(2);
    asyncio::socket client(address_family::ipv4);
    co_await loop.sock_connect(client, server.getsockname());
    asyncio::accepted got = co_await std::move(t);
    EXPECT_EQ(got.address, client.getsockname());
    EXPECT_EQ(got.connection.getsockname(), client.getpeername());
    co_await loop.sock_sendall(client, "hello");
    std::string s = co_await loop.sock_recv(got.connection, 10);
    EXPECT_EQ(s, "hello");

    // One that waits in the backlog is there at once.
    asyncio::socket second(address_family::ipv4);
    co_await loop.sock_connect(second, server.getsockname());
    got = co_await loop.sock_accept(server);
    second.close();
    s = co_await loop.sock_recv(got.connection, 10);
    EXPECT_EQ(s, "");
}

TEST(socket, connects_and_accepts) { asyncio::run(connect_and_accept()); }

coroutine<> fail_to_connect() {
    event_loop& loop = get_running_loop();
    asyncio::socket nobody = listening();
    const socket_address where = nobody.getsockname();
    nobody.close();
    asyncio::socket client(address_family::ipv4);
    std::string text;
    std::error_code code;
    try {
        co_await loop.sock_connect(client, where);
    } catch (const std::system_error& e) {
        text = e.what();
        code = e.code();
    }
    EXPECT_EQ(code, std::errc::connection_refused);
    EXPECT_EQ(text, "asyncio: sock_connect to " + where.to_string() + ": Connection refused");
    const std::error_code at_once =
        co_await code_of(loop.sock_connect(client, socket_address("::1", 1)));
    EXPECT_TRUE(at_once) << "another family";
}

TEST(socket, says_why_it_cannot_connect) { asyncio::run(fail_to_connect()); }

coroutine<> be_reset() {
    event_loop& loop = get_running_loop();
    asyncio::socket server = listening();
    asyncio::socket client(address_family::ipv4);
    co_await loop.sock_connect(client, server.getsockname());
    {
        const asyncio::accepted got = co_await loop.sock_accept(server);
        const linger none{1, 0};
        ::setsockopt(got.connection.fileno(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    const std::string e = co_await error_of(loop.sock_recv(client, 10));
    EXPECT_EQ(e, "asyncio: sock_recv (peer " + server.getsockname().to_string() +
                     "): Connection reset by peer");
    const std::error_code code = co_await code_of(loop.sock_sendall(client, "x"));
    EXPECT_EQ(code, std::errc::broken_pipe);
}

TEST(socket, says_who_reset_it) { asyncio::run(be_reset()); }

coroutine<> exchange_datagrams() {
    event_loop& loop = get_running_loop();
    asyncio::socket a(address_family::ipv4, socket_type::datagram);
    asyncio::socket b(address_family::ipv4, socket_type::datagram);
    a.bind(socket_address("127.0.0.1", 0));
    b.bind(socket_address("127.0.0.1", 0));
    auto t = asyncio::create_task(loop.sock_recvfrom(a, 100));
    co_await rounds(2);
    const std::size_t n = co_await loop.sock_sendto(b, "hello", a.getsockname());
    EXPECT_EQ(n, 5u);
    asyncio::datagram got = co_await std::move(t);
    EXPECT_EQ(got.data, "hello");
    EXPECT_EQ(got.address, b.getsockname());
    co_await loop.sock_sendto(b, "too long", a.getsockname());
    co_await loop.sock_sendto(b, "", a.getsockname());
    got = co_await loop.sock_recvfrom(a, 3);
    EXPECT_EQ(got.data, "too") << "the rest is cut off";
    got = co_await loop.sock_recvfrom(a, 100);
    EXPECT_EQ(got.data, "");
    const std::string huge(100'000, 'x');
    const std::error_code code = co_await code_of(loop.sock_sendto(b, huge, a.getsockname()));
    EXPECT_EQ(code, std::errc::message_size);
}

TEST(socket, exchanges_datagrams) { asyncio::run(exchange_datagrams()); }

// ---- two at once, cancel, close ----

coroutine<> call_twice_at_once() {
    event_loop& loop = get_running_loop();
    auto [a, b] = asyncio::socket::pair();
    auto first = asyncio::create_task(loop.sock_recv(a, 10));
    co_await rounds(2);
    const std::string e = co_await error_of(loop.sock_recv(a, 10));
    EXPECT_EQ(e, "asyncio: sock_recv: another task already waits for this socket");
    co_await loop.sock_sendall(a, "the other direction");
    co_await loop.sock_sendall(b, "hello");
    const std::string s = co_await std::move(first);
    EXPECT_EQ(s, "hello");
}

TEST(socket, lets_one_task_wait_per_direction) { asyncio::run(call_twice_at_once()); }

coroutine<> cancel_calls() {
    event_loop& loop = get_running_loop();
    auto [a, b] = asyncio::socket::pair();
    auto before = asyncio::create_task(loop.sock_recv(a, 10));
    before.cancel();
    std::string e = co_await error_of(std::move(before));
    EXPECT_EQ(e, "cancelled") << "before it started";

    auto waiting = asyncio::create_task(loop.sock_recv(a, 10));
    co_await rounds(2);
    waiting.cancel();
    auto at_once = asyncio::create_task(loop.sock_recv(a, 10));
    e = co_await error_of(std::move(waiting));
    EXPECT_EQ(e, "cancelled");
    co_await loop.sock_sendall(b, "hello");
    std::string s = co_await std::move(at_once);
    EXPECT_EQ(s, "hello") << "another one may wait at once, and nothing is lost";
    EXPECT_FALSE(loop.remove_reader(a.fileno()));

    asyncio::socket server = listening();
    auto accepting = asyncio::create_task(loop.sock_accept(server));
    co_await rounds(2);
    accepting.cancel();
    e = co_await error_of(std::move(accepting));
    EXPECT_EQ(e, "cancelled");
    EXPECT_FALSE(loop.remove_reader(server.fileno()));
    asyncio::socket client(address_family::ipv4);
    auto connecting = asyncio::create_task(loop.sock_connect(client, server.getsockname()));
    co_await rounds(1);
    connecting.cancel();
    e = co_await error_of(std::move(connecting));
    EXPECT_TRUE(e == "cancelled" || e == "nothing") << e;

    std::string got;
    const auto receive = [](event_loop& l, const asyncio::socket& from,
                            std::string& to) -> coroutine<> {
        to = co_await l.sock_recv(from, 10);
        co_await asyncio::sleep(1h);
    };
    auto late = asyncio::create_task(receive, std::ref(loop), std::cref(a), std::ref(got));
    co_await rounds(2);
    co_await loop.sock_sendall(b, "value");
    while (got.empty() && !late.done()) {
        co_await asyncio::sleep(1ms);
        late.cancel();
    }
    e = co_await error_of(std::move(late));
    EXPECT_EQ(e, "cancelled");
    if (got.empty()) got = co_await loop.sock_recv(a, 10);
    EXPECT_EQ(got, "value") << "delivered, or still there";
}

TEST(socket, loses_nothing_to_a_cancel) { asyncio::run(cancel_calls()); }

coroutine<> close_while_waiting() {
    event_loop& loop = get_running_loop();
    const std::size_t before = loopback::descriptors();
    auto [a, b] = asyncio::socket::pair();
    auto receiving = asyncio::create_task(loop.sock_recv(a, 10));
    const std::string big(8 << 20, 'x');
    auto sending = asyncio::create_task(loop.sock_sendall(a, big));
    co_await rounds(2);
    a.close();
    EXPECT_EQ(loopback::descriptors(), before + 1);
    std::error_code code = co_await code_of(std::move(receiving));
    EXPECT_EQ(code, std::errc::operation_canceled);
    code = co_await code_of(std::move(sending));
    EXPECT_EQ(code, std::errc::operation_canceled);
    EXPECT_THROW((void)loop.sock_recv(a, 10), std::system_error);
    b.close();
}

TEST(socket, tells_those_who_wait_when_it_closes) { asyncio::run(close_while_waiting()); }

coroutine<> time_out() {
    event_loop& loop = get_running_loop();
    auto [a, b] = asyncio::socket::pair();
    std::string e = co_await error_of(asyncio::wait_for(loop.sock_recv(a, 10), 1ms));
    EXPECT_TRUE(e.starts_with("asyncio: timed out: sock_recv (peer (unnamed)), limited at ")) << e;
    asyncio::socket server = listening();
    e = co_await error_of(asyncio::wait_for(loop.sock_accept(server), 1ms));
    EXPECT_TRUE(e.starts_with("asyncio: timed out: sock_accept, limited at ")) << e;
    co_await loop.sock_sendall(b, "x");
    const std::string s = co_await asyncio::wait_for(loop.sock_recv(a, 10), 1h);
    EXPECT_EQ(s, "x");
}

TEST(socket, works_under_a_timeout) { asyncio::run(time_out()); }

coroutine<> wait_on_another_loop(asyncio::socket& s) {
    const std::string e = co_await error_of(get_running_loop().sock_recv(s, 1));
    EXPECT_EQ(e, "asyncio: sock_recv: this socket belongs to another event loop");
}

TEST(socket, refuses_to_wait_on_another_loop) {
    const auto first = asyncio::new_event_loop();
    asyncio::socket s(*first, address_family::ipv4);
    s.bind(socket_address("127.0.0.1", 0));
    s.listen();
    const auto accept_elsewhere = [](asyncio::socket& l) -> coroutine<> {
        const std::string e = co_await error_of(get_running_loop().sock_accept(l));
        EXPECT_EQ(e, "asyncio: sock_accept: this socket belongs to another event loop");
    };
    asyncio::run(accept_elsewhere, std::ref(s));
    asyncio::socket d(*first, address_family::ipv4, socket_type::datagram);
    d.bind(socket_address("127.0.0.1", 0));
    asyncio::run(wait_on_another_loop, std::ref(d));
}

/// A frame that is destroyed while its call waits takes nothing with it.
TEST(socket, may_be_waited_for_by_a_frame_that_is_destroyed) {
    const std::size_t before = loopback::descriptors();
    {
        const auto loop = asyncio::new_event_loop();
        loop->set_exception_handler([](auto&, const auto&) {});
        const auto wait = [](asyncio::socket s) -> coroutine<> {
            (void)co_await get_running_loop().sock_recv(s, 1);
        };
        const auto main = [wait]() -> coroutine<> {
            auto [a, b] = asyncio::socket::pair();
            asyncio::create_task(wait, std::move(a));
            asyncio::create_task(wait, std::move(b));
            co_await rounds(2);
        };
        loop->run_until_complete(main());
    }
    EXPECT_EQ(loopback::descriptors(), before);
}

}  // namespace socket_test
