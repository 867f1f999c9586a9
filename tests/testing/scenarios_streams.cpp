#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/net/resolver.hpp"
#include "asyncio/net/socket.hpp"
#include "asyncio/streams/open_connection.hpp"
#include "asyncio/streams/start_server.hpp"
#include "asyncio/testing/simulate.hpp"
#include "asyncio/testing/simulation.hpp"
#include "testing/scenarios.hpp"

namespace scenarios {

namespace {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::sleep;
using asyncio::stream_reader;
using asyncio::stream_writer;
using asyncio::testing::expect;

/// What has arrived is right as far as it goes; if that is not all of it, the peer is gone.
void expect_all(std::string_view got, std::string_view wanted) {
    expect(wanted.starts_with(got), "foreign bytes");
    if (got != wanted) throw std::runtime_error("the peer has ended early");
}

coroutine<> echo_all(stream_reader& reader, stream_writer& writer) {
    for (;;) {
        const std::string data = co_await reader.read(100);
        if (data.empty()) break;
        writer.write(data);
        co_await writer.drain();
    }
    writer.close();
    co_await writer.wait_closed();
}

coroutine<> echo(stream_reader reader, stream_writer writer) {
    try {
        co_await echo_all(reader, writer);
    } catch (const std::system_error&) {
        // Clients may vanish.
    }
}

coroutine<> says_hello(stream_reader, stream_writer writer) {
    writer.write("hello\n");
    co_await writer.drain();
}

/// Runs `client(port)` against a server, which ends with it.
template <class Handler, class Client>
coroutine<> against(Handler handler, Client client) {
    auto server = co_await asyncio::start_server(handler, "127.0.0.1", 0);
    const int port = server.port();
    auto body = [&client, port](asyncio::server&) -> coroutine<> { co_await client(port); };
    co_await asyncio::with(server, std::ref(body));
}

coroutine<> says_one_line(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write("one line\n");
    expect_all(co_await reader.readline(), "one line\n");
    writer.close();
    co_await writer.wait_closed();
}
coroutine<> echoes_a_line() { co_await against(echo, says_one_line); }

coroutine<> says_much(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    const std::string piece(20'000, 'x');
    std::size_t back = 0;
    for (int i = 0; i < 5; ++i) {
        writer.write(piece);
        co_await writer.drain();
        const std::string got = co_await reader.readexactly(piece.size());
        expect_all(got, piece);
        back += got.size();
    }
    expect(back == 5 * piece.size());
    writer.close();
}
coroutine<> echoes_much() { co_await against(echo, says_much); }

coroutine<> says_and_ends(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("localhost", port);
    writer.write("all of it");
    writer.write_eof();
    expect_all(co_await reader.read(), "all of it");
}
coroutine<> ends_one_direction() { co_await against(echo, says_and_ends); }

coroutine<> reads_until_the_end(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    expect_all(co_await reader.readline(), "hello\n");
    expect((co_await reader.readline()).empty());
}
coroutine<> reads_to_the_end() { co_await against(says_hello, reads_until_the_end); }

coroutine<> reads_too_much(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    bool incomplete = false;
    try {
        (void)co_await reader.readexactly(100);
    } catch (const asyncio::incomplete_read_error& e) {
        expect_all(e.partial(), "hello\n");
        incomplete = true;
    }
    expect(incomplete);
}
coroutine<> notices_the_end() { co_await against(says_hello, reads_too_much); }

coroutine<> waits_in_vain(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    try {
        expect_all(co_await asyncio::wait_for(reader.readline(), 10ms), "late\n");
        expect(false, "there was nothing to read");
    } catch (const asyncio::timeout_error&) {
    }
    writer.write("late\n");
    expect_all(co_await reader.readline(), "late\n");
}
coroutine<> gives_a_read_up() { co_await against(echo, waits_in_vain); }

coroutine<> talks_at_once(int port) {
    asyncio::task_group group;
    auto body = [port](asyncio::task_group& g) -> coroutine<> {
        for (int i = 0; i < 4; ++i) g.create_task(says_one_line, port);
        co_return;
    };
    co_await asyncio::with(group, std::ref(body));
}
coroutine<> serves_many() { co_await against(echo, talks_at_once); }

coroutine<> hangs_up(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write("x");
    co_await writer.drain();
    writer.abort();
}
coroutine<> survives_a_client_that_hangs_up() { co_await against(echo, hangs_up); }

coroutine<> connects_to_nobody() {
    bool refused = false;
    try {
        (void)co_await asyncio::open_connection("127.0.0.1", 9);
    } catch (const std::system_error& e) {
        refused = e.code() == std::errc::connection_refused;
        if (!refused) throw;
    }
    expect(refused);
}

coroutine<> talks_over_a_unix_socket() {
    auto server = co_await asyncio::start_unix_server(echo, "/run/talk");
    auto body = [](asyncio::server&) -> coroutine<> {
        auto [reader, writer] = co_await asyncio::open_unix_connection("/run/talk");
        writer.write("local\n");
        expect_all(co_await reader.readline(), "local\n");
        writer.close();
        co_await writer.wait_closed();
    };
    co_await asyncio::with(server, body);
}

coroutine<> serves_for_ever() {
    auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    const int port = server.port();
    auto forever = [&server]() -> coroutine<> { co_await server.serve_forever(); };
    asyncio::task_group group;
    auto body = [&forever, port](asyncio::task_group& g) -> coroutine<> {
        g.create_task(std::ref(forever));
        co_await says_one_line(port);
        g.cancel();
    };
    co_await asyncio::with(group, std::ref(body));
}

// ---- bare sockets ----

coroutine<> sends(asyncio::socket& s, std::size_t n) {
    const std::string data(n, 'd');
    co_await asyncio::get_running_loop().sock_sendall(s, data);
    s.shutdown_write();
}
coroutine<> passes_bytes_through_a_pair() {
    auto [a, b] = asyncio::socket::pair();
    asyncio::task_group group;
    auto body = [&from = a, &to = b](asyncio::task_group& g) -> coroutine<> {
        g.create_task(sends, std::ref(from), std::size_t(100'000));
        std::size_t got = 0;
        for (;;) {
            const std::string piece = co_await asyncio::get_running_loop().sock_recv(to, 30'000);
            if (piece.empty()) break;
            got += piece.size();
        }
        if (got < 100'000) throw std::runtime_error("the peer has ended early");
        expect(got == 100'000);
    };
    co_await asyncio::wait_for(asyncio::with(group, std::ref(body)), patience);
}

/// As many pieces as it takes.
coroutine<std::string> receives(asyncio::socket& s, std::size_t n) {
    std::string all;
    while (all.size() < n) {
        const std::string piece = co_await asyncio::get_running_loop().sock_recv(s, n - all.size());
        if (piece.empty()) break;
        all += piece;
    }
    co_return all;
}

coroutine<> gives_a_receive_up() {
    auto [a, b] = asyncio::socket::pair();
    auto& loop = asyncio::get_running_loop();
    bool timed_out = false;
    try {
        (void)co_await asyncio::wait_for(loop.sock_recv(b, 10), 1ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    co_await loop.sock_sendall(a, "data");
    expect(timed_out);
    expect_all(co_await receives(b, 4), "data");
}

coroutine<> exchanges_datagrams() {
    asyncio::socket a(asyncio::address_family::ipv4, asyncio::socket_type::datagram);
    asyncio::socket b(asyncio::address_family::ipv4, asyncio::socket_type::datagram);
    b.bind(asyncio::socket_address("127.0.0.1", 0));
    auto& loop = asyncio::get_running_loop();
    co_await loop.sock_sendto(a, "ping", b.getsockname());
    const auto received = co_await loop.sock_recvfrom(b, 100);
    expect(received.data == "ping");
}

coroutine<> accepts_by_hand() {
    auto& loop = asyncio::get_running_loop();
    asyncio::socket listener(asyncio::address_family::ipv4, asyncio::socket_type::stream);
    listener.bind(asyncio::socket_address("127.0.0.1", 0));
    listener.listen(5);
    asyncio::socket client(asyncio::address_family::ipv4, asyncio::socket_type::stream);
    co_await loop.sock_connect(client, listener.getsockname());
    auto accepted = co_await loop.sock_accept(listener);
    co_await loop.sock_sendall(client, "hi");
    expect_all(co_await receives(accepted.connection, 2), "hi");
}

coroutine<> looks_names_up() {
    auto& loop = asyncio::get_running_loop();
    const auto found = co_await loop.getaddrinfo("localhost", 80);
    expect(!found.empty());
}

coroutine<> says_records(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    const std::vector<std::string> records{"one;", "two;", "three;"};
    writer.writelines(records);
    co_await writer.drain();
    for (const std::string& r : records) expect_all(co_await reader.readuntil(";"), r);
    char rest[10];
    writer.write("rest");
    const std::size_t n = co_await reader.read_into(rest);
    expect_all(std::string_view(rest, n), std::string_view("rest").substr(0, n));
}
coroutine<> reads_records() { co_await against(echo, says_records); }

coroutine<> serves_one_line() {
    auto server = co_await asyncio::start_server(echo, "", 7);
    co_await server.serve_forever();
}
coroutine<> talks_to_another_host() {
    const auto other = asyncio::testing::simulation::current().get_host("other");
    other.run(serves_one_line);
    const auto ended = other.join();
    co_await sleep(1s);
    std::exception_ptr lost;
    try {
        auto [reader, writer] = co_await asyncio::open_connection("other", 7);
        writer.write("far away\n");
        expect_all(co_await reader.readline(), "far away\n");
    } catch (const std::exception&) {
        lost = std::current_exception();
    }
    other.kill();
    (void)co_await asyncio::as_outcome(ended);  // it may have failed on its own
    if (lost) std::rethrow_exception(lost);
}

}  // namespace

std::span<const scenario> of_streams() {
    static constexpr scenario all[] = {
        {"reads records", reads_records, nullptr},
        {"talks to another host", talks_to_another_host, nullptr},
        {"echoes a line", echoes_a_line, nullptr},
        {"echoes much", echoes_much, nullptr},
        {"ends one direction", ends_one_direction, nullptr},
        {"reads to the end", reads_to_the_end, nullptr},
        {"notices the end", notices_the_end, nullptr},
        {"gives a read up", gives_a_read_up, nullptr},
        {"serves many", serves_many, nullptr},
        {"survives a client that hangs up", survives_a_client_that_hangs_up, nullptr},
        {"connects to nobody", connects_to_nobody, nullptr},
        {"talks over a Unix socket", talks_over_a_unix_socket, nullptr},
        {"serves for ever", serves_for_ever, nullptr},
        {"passes bytes through a pair", passes_bytes_through_a_pair, nullptr},
        {"gives a receive up", gives_a_receive_up, nullptr},
        {"exchanges datagrams", exchanges_datagrams, nullptr},
        {"accepts by hand", accepts_by_hand, nullptr},
        {"looks names up", looks_names_up, nullptr},
    };
    return all;
}

}  // namespace scenarios
