#include "asyncio/streams/open_connection.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"
#include "streams/named_backend.hpp"

namespace open_connection_test {

using asyncio::coroutine;
using asyncio::open_connection;
using asyncio::open_connection_options;
using asyncio::socket_address;
using loopback::code_of;
using loopback::echo;
using loopback::error_of;
using loopback::network_script;
using loopback::rounds;
using loopback::run_with;
using namespace std::chrono_literals;

/// A port of 127.0.0.1 where nobody listens.
int closed_port() {
    asyncio::socket s(asyncio::address_family::ipv4);
    s.bind(socket_address("127.0.0.1", 0));
    return s.getsockname().port();
}

coroutine<> talk() {
    const auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    auto [reader, writer] = co_await open_connection("127.0.0.1", server.port());
    writer.write("hello");
    std::string s = co_await reader.readexactly(5);
    EXPECT_EQ(s, "hello");
    asyncio::connection named = co_await open_connection("localhost", server.port());
    named.writer.write("by name");
    s = co_await named.reader.readexactly(7);
    EXPECT_EQ(s, "by name");
    const std::string late = co_await error_of(asyncio::wait_for(named.reader.read(), 1ms));
    EXPECT_TRUE(late.starts_with("asyncio: timed out: reading from 127.0.0.1:")) << late;
}

TEST(open_connection, connects) { asyncio::run(talk()); }

coroutine<> use_options() {
    const auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    open_connection_options options;
    options.local_host = "127.0.0.5";
    options.limit = 5;
    options.family = asyncio::address_family::ipv4;
    {
        auto [reader, writer] = co_await open_connection("localhost", server.port(), options);
        EXPECT_EQ(writer.sockname().ip(), "127.0.0.5");
        writer.write("longer\n");
        const std::string e = co_await error_of(reader.readuntil("\n"));
        EXPECT_NE(e.find("the limit of 5 bytes"), e.npos) << e;
    }
    options.local_host = {};
    options.local_port = closed_port();
    {
        auto [reader, writer] = co_await open_connection("127.0.0.1", server.port(), options);
        EXPECT_EQ(writer.sockname().port(), options.local_port);
        writer.abort();
    }
    options.local_host = "192.0.2.1";
    std::string e = co_await error_of(open_connection("127.0.0.1", server.port(), options));
    EXPECT_NE(e.find("(bind to 192.0.2.1:"), e.npos) << e;
    options.local_host = "::1";
    options.family = asyncio::address_family::unspecified;
    e = co_await error_of(open_connection("127.0.0.1", server.port(), options));
    EXPECT_NE(e.find("no local address of this family"), e.npos) << e;
    options.local_port = 65536;
    e = co_await error_of(open_connection("127.0.0.1", server.port(), options));
    EXPECT_EQ(e, "asyncio: open_connection: local_port: port 65536 is out of range (0 to 65535)");
    options.local_port = 0;
    options.limit = 0;
    options.local_host = {};
    e = co_await error_of(open_connection("127.0.0.1", server.port(), options));
    EXPECT_EQ(e, "asyncio: the limit of a stream must be at least 1");
}

TEST(open_connection, takes_options) { asyncio::run(use_options()); }

coroutine<> refuse_bad_requests() {
    std::string e = co_await error_of(open_connection("", 80));
    EXPECT_EQ(e, "asyncio: open_connection: the host is empty; this machine is \"localhost\"");
    e = co_await error_of(open_connection("127.0.0.1", 65536));
    EXPECT_EQ(e, "asyncio: open_connection: port 65536 is out of range (0 to 65535)");
    e = co_await error_of(open_connection("127.0.0.1", -1));
    EXPECT_EQ(e, "asyncio: open_connection: port -1 is out of range (0 to 65535)");
    e = co_await error_of(open_connection("no-such-name.invalid", 80));
    EXPECT_NE(e.find("cannot resolve host 'no-such-name.invalid', service '80'"), e.npos) << e;
    const int port = closed_port();
    e = co_await error_of(open_connection("127.0.0.1", port));
    EXPECT_EQ(
        e, "asyncio: cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
    const std::error_code code = co_await code_of(open_connection("127.0.0.1", port));
    EXPECT_EQ(code, std::errc::connection_refused);
    e = co_await error_of(asyncio::open_unix_connection(""));
    EXPECT_EQ(e, "asyncio: the path of a Unix socket is empty");
    e = co_await error_of(asyncio::open_unix_connection("/no/such/socket"));
    EXPECT_EQ(e, "asyncio: cannot connect to unix:/no/such/socket: No such file or directory");
    asyncio::open_unix_connection_options options;
    options.limit = 0;
    e = co_await error_of(asyncio::open_unix_connection("/no/such/socket", options));
    EXPECT_EQ(e, "asyncio: the limit of a stream must be at least 1");
}

TEST(open_connection, explains_what_it_refuses) { asyncio::run(refuse_bad_requests()); }

// ---- several addresses ----

coroutine<> connect_to_all_and_fail(int& port) {
    port = closed_port();
    std::string text;
    std::error_code code;
    try {
        (void)co_await open_connection("many.test", port);
    } catch (const std::system_error& e) {
        text = e.what();
        code = e.code();
    }
    const std::string p = std::to_string(port);
    EXPECT_EQ(code, std::errc::connection_refused);
    EXPECT_EQ(text, "asyncio: cannot connect to many.test:" + p +
                        " by any of its addresses\n  - 127.0.0.1:" + p +
                        ": Connection refused\n  - 127.0.0.2:" + p +
                        ": Connection refused\n  - 127.0.0.3:" + p +
                        ": Connection refused\n  the first error: Connection refused");
    const std::string one = co_await error_of(open_connection("one.test", port));
    EXPECT_EQ(one, "asyncio: cannot connect to one.test:" + p + ", address 127.0.0.1:" + p +
                       ": Connection refused");
}

TEST(open_connection, reports_the_error_of_every_address) {
    network_script script;
    script.names["one.test"].emplace_back("127.0.0.1", 0);
    for (const char* ip : {"127.0.0.1", "127.0.0.2", "127.0.0.3"})
        script.names["many.test"].emplace_back(ip, 0);
    int port = 0;
    run_with(script, connect_to_all_and_fail(port));
    EXPECT_EQ(script.connects.size(), 4u);
}

coroutine<std::string> reach(std::string host, asyncio::delay stagger) {
    const auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    open_connection_options options;
    options.happy_eyeballs_delay = stagger;
    auto [reader, writer] = co_await open_connection(host, server.port(), options);
    writer.write("x");
    const std::string s = co_await reader.readexactly(1);
    EXPECT_EQ(s, "x");
    EXPECT_EQ(asyncio::all_tasks().size(), 2u) << "this one and the server's handler";
    co_return writer.peername().ip();
}

TEST(open_connection, goes_on_at_once_when_an_address_fails) {
    network_script script;
    // Nobody listens on 127.0.0.2; an hour would be noticed.
    script.names["mixed.test"].emplace_back("127.0.0.2", 0);
    script.names["mixed.test"].emplace_back("127.0.0.1", 0);
    EXPECT_EQ(run_with(script, reach("mixed.test", 1h)), "127.0.0.1");
    EXPECT_EQ(run_with(script, reach("mixed.test", asyncio::delay::forever())), "127.0.0.1");
}

TEST(open_connection, tries_the_next_address_beside_a_silent_one) {
    const std::size_t before = loopback::descriptors();
    network_script script;
    script.names["slow.test"].emplace_back("192.0.2.1", 0);
    script.names["slow.test"].emplace_back("192.0.2.2", 0);
    script.names["slow.test"].emplace_back("127.0.0.1", 0);
    script.silent.insert("192.0.2.1");
    script.silent.insert("192.0.2.2");
    EXPECT_EQ(run_with(script, reach("slow.test", 2ms)), "127.0.0.1");
    const std::vector<std::string> expected{"192.0.2.1", "192.0.2.2", "127.0.0.1"};
    EXPECT_EQ(script.connects, expected);
    EXPECT_EQ(loopback::descriptors(), before) << "the losers are closed";
}

TEST(open_connection, takes_the_families_in_turn) {
    network_script script;
    for (const char* ip : {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"}) {
        script.names["both.test"].emplace_back(ip, 0);
        script.silent.insert(ip);
    }
    script.names["both.test"].emplace_back("127.0.0.1", 0);
    EXPECT_EQ(run_with(script, reach("both.test", 1ms)), "127.0.0.1");
    const std::vector<std::string> expected{"2001:db8::1", "192.0.2.1", "2001:db8::2", "127.0.0.1"};
    EXPECT_EQ(script.connects, expected);
}

coroutine<> cancel_connecting(std::string host) {
    const std::size_t before = loopback::descriptors();
    open_connection_options options;
    options.happy_eyeballs_delay = 1ms;
    auto early = asyncio::create_task(open_connection(host, 80, options));
    early.cancel();
    std::string e = co_await error_of(std::move(early));
    EXPECT_EQ(e, "cancelled") << "before it started";
    auto t = asyncio::create_task(open_connection(host, 80, options));
    co_await asyncio::sleep(5ms);
    EXPECT_GT(loopback::descriptors(), before);
    t.cancel();
    e = co_await error_of(std::move(t));
    EXPECT_EQ(e, "cancelled");
    EXPECT_EQ(loopback::descriptors(), before);
    EXPECT_EQ(asyncio::all_tasks().size(), 1u);
    e = co_await error_of(asyncio::wait_for(open_connection(host, 80, options), 50ms));
    EXPECT_TRUE(e.starts_with("asyncio: timed out: connecting to ") ||
                e.starts_with("asyncio: timed out: event 'an address that answers'"))
        << e;
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(open_connection, is_cancelled_at_once) {
    network_script script;
    script.names["one.test"].emplace_back("192.0.2.1", 0);
    script.names["two.test"].emplace_back("192.0.2.1", 0);
    script.names["two.test"].emplace_back("192.0.2.2", 0);
    script.silent.insert("192.0.2.1");
    script.silent.insert("192.0.2.2");
    run_with(script, cancel_connecting("one.test"));
    run_with(script, cancel_connecting("two.test"));
}

coroutine<> connect_nowhere() {
    const std::string e = co_await error_of(open_connection("empty.test", 80));
    EXPECT_NE(e.find("cannot resolve host 'empty.test'"), e.npos) << e;
}

TEST(open_connection, needs_an_address) {
    network_script script;
    script.names["empty.test"];
    run_with(script, connect_nowhere());
}

}  // namespace open_connection_test
