#include "asyncio/testing/network.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/net/resolver.hpp"
#include "asyncio/net/socket.hpp"
#include "asyncio/streams/open_connection.hpp"
#include "asyncio/streams/start_server.hpp"
#include "asyncio/testing/explore.hpp"
#include "asyncio/testing/simulation.hpp"

namespace network_test {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::sleep;
using asyncio::testing::fault;
using asyncio::testing::scheduling;
using asyncio::testing::simulate;
using asyncio::testing::simulation;
using asyncio::testing::simulation_report;

coroutine<> echo(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    try {
        for (;;) {
            const std::string data = co_await reader.read(1000);
            if (data.empty()) break;
            writer.write(data);
            co_await writer.drain();
        }
        writer.close();
        co_await writer.wait_closed();
    } catch (const std::system_error&) {
        // The client is gone.
    }
}

coroutine<> serve_echo() {
    auto server = co_await asyncio::start_server(echo, "", 7);
    co_await server.serve_forever();
}

coroutine<std::string> ask(std::string host, std::string question) {
    auto [reader, writer] = co_await asyncio::open_connection(host, 7);
    writer.write(question);
    writer.write_eof();
    std::string answer = co_await reader.read();
    writer.close();
    co_await writer.wait_closed();
    co_return answer;
}

coroutine<> on_one_host() {
    auto server = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("localhost", server.port());
    writer.write("hello\n");
    EXPECT_EQ(co_await reader.readline(), "hello\n");
    writer.close();
    co_await writer.wait_closed();
    server.close();
    co_await server.wait_closed();
}

TEST(network, runs_an_ordinary_program) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        simulate(on_one_host, {.seed = seed, .strategy = scheduling::any});
}

coroutine<> between_hosts() {
    const auto sim = simulation::current();
    sim.get_host("server").run(serve_echo);
    co_await sleep(1s);
    EXPECT_EQ(co_await ask("server", "hello"), "hello");
    EXPECT_EQ(co_await ask(sim.get_host("server").address(), "again"), "again");
}

TEST(network, connects_hosts_by_name) {
    simulation_report report;
    simulate(between_hosts, {.report = &report});
    // Three ways per connection at the least, 0.1 to 2 ms each.
    EXPECT_GT(report.elapsed, 1s + 600us);
    EXPECT_LT(report.elapsed, 1s + 40ms);
}

coroutine<> much_data() {
    simulation::current().get_host("server").run(serve_echo);
    co_await sleep(1s);
    std::string data;
    for (int i = 0; i < 300'000; ++i) data += static_cast<char>('a' + i * 7 % 26);
    const bool same = co_await ask("server", data) == data;
    EXPECT_TRUE(same);
}

TEST(network, keeps_bytes_whole_and_in_order_whatever_happens) {
    // It fails if one of these has never happened.
    (void)asyncio::testing::explore(much_data, {.seeds = 20,
                                                .each = {.strategy = scheduling::any,
                                                         .network = {.slow_packets = 0.1,
                                                                     .loss = 0.05,
                                                                     .short_reads = 0.3,
                                                                     .short_writes = 0.3}}});
    simulation_report report;
    simulate(much_data, {.seed = 1, .network = {.loss = 0.2}, .report = &report});
    EXPECT_GT(report.count(fault::loss), 0u);
    EXPECT_EQ(report.count(fault::reset), 0u);
}

coroutine<> between_slower_hosts() {
    const auto sim = simulation::current();
    auto& loop = asyncio::get_running_loop();
    sim.get_host("server").run(serve_echo);
    co_await sleep(1s);
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    for (const auto way : {100ms, 7ms}) {
        sim.set_network({.min_latency = way, .max_latency = way});
        const auto before = loop.time();
        writer.write("hello\n");
        EXPECT_EQ(co_await reader.readline(), "hello\n");
        EXPECT_EQ(loop.time() - before, 2 * way);
    }
}

TEST(network, takes_other_options_while_it_runs) { simulate(between_slower_hosts); }

TEST(fault, has_words) {
    std::set<std::string_view> words;
    for (std::size_t i = 0; i < asyncio::testing::fault_kinds; ++i)
        words.insert(to_string(static_cast<fault>(i)));
    EXPECT_EQ(words.size(), asyncio::testing::fault_kinds);
}

coroutine<> refused() {
    (void)simulation::current().get_host("server");
    try {
        co_await ask("server", "x");
        ADD_FAILURE() << "connected to nobody";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ECONNREFUSED) << e.what();
    }
    try {
        co_await ask("nowhere", "x");
        ADD_FAILURE() << "found nowhere";
    } catch (const std::system_error& e) {
        EXPECT_NE(std::string(e.what()).find("nowhere"), std::string::npos) << e.what();
    }
}

TEST(network, refuses_what_nobody_listens_to) { simulate(refused); }

coroutine<> partitioned() {
    const auto sim = simulation::current();
    auto& loop = asyncio::get_running_loop();
    sim.get_host("server").run(serve_echo);
    co_await sleep(1s);
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    sim.partition("main", "server");
    writer.write("hello\n");
    try {
        co_await asyncio::wait_for(reader.readline(), 10s);
        ADD_FAILURE() << "crossed a partition";
    } catch (const asyncio::timeout_error&) {
    }
    sim.heal("main", "server");
    const auto healed = loop.time();
    EXPECT_EQ(co_await reader.readline(), "hello\n");
    EXPECT_LT(loop.time() - healed, 1s);
    writer.close();

    sim.block("main", "server");
    const auto before = loop.time();
    try {
        co_await ask("server", "x");
        ADD_FAILURE() << "connected through a partition";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ETIMEDOUT) << e.what();
    }
    EXPECT_GT(loop.time() - before, 1min);
    sim.heal();
    EXPECT_GT(sim.count(fault::partition), 1u);
}

TEST(network, parts_hosts_and_heals) { simulate(partitioned); }

coroutine<> silent_peer() {
    const auto sim = simulation::current();
    const auto server = sim.get_host("server");
    server.run(serve_echo);
    co_await sleep(1s);
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    server.power_off();
    EXPECT_FALSE(server.is_up());
    writer.write("anybody there?\n");
    try {
        co_await asyncio::wait_for(reader.readline(), 5min);
        ADD_FAILURE() << "a machine that is off has answered";
    } catch (const asyncio::timeout_error&) {
    }
    server.restart();
    EXPECT_TRUE(server.is_up());
    // It knows nothing of the connection.
    try {
        co_await reader.readline();
        ADD_FAILURE() << "the connection outlived its machine";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ECONNRESET) << e.what();
    }
    EXPECT_EQ(co_await ask("server", "hello"), "hello");
}

TEST(network, has_machines_that_vanish_and_return) { simulate(silent_peer); }

coroutine<> killed_peer() {
    const auto sim = simulation::current();
    const auto server = sim.get_host("server");
    server.run(serve_echo);
    co_await sleep(1s);
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    const auto ended = server.join();
    server.kill();
    co_await ended;
    EXPECT_EQ(co_await reader.read(), "");
    co_await sleep(1s);
    try {
        co_await ask("server", "x");
        ADD_FAILURE() << "a dead process has accepted";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ECONNREFUSED) << e.what();
    }
    server.restart();
    co_await sleep(1s);
    EXPECT_EQ(co_await ask("server", "hello"), "hello");
    EXPECT_EQ(sim.count(fault::kill), 1u);
}

TEST(network, has_processes_that_die_and_restart) { simulate(killed_peer); }

coroutine<> torn() {
    const auto sim = simulation::current();
    sim.get_host("server").run(serve_echo);
    co_await sleep(1s);
    auto [reader, writer] = co_await asyncio::open_connection("server", 7);
    writer.write("a\n");
    EXPECT_EQ(co_await reader.readline(), "a\n");
    sim.reset_connections("main", "server");
    try {
        co_await reader.readline();
        ADD_FAILURE() << "the connection was not torn";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ECONNRESET) << e.what();
    }
}

TEST(network, tears_connections) { simulate(torn); }

coroutine<> too_many() {
    const auto sim = simulation::current();
    sim.get_host("server").run(serve_echo);
    sim.get_host("main").limit_descriptors(3);
    co_await sleep(1s);
    std::vector<asyncio::connection> open;
    for (int i = 0; i < 3; ++i) open.push_back(co_await asyncio::open_connection("server", 7));
    try {
        open.push_back(co_await asyncio::open_connection("server", 7));
        ADD_FAILURE() << "there was a fourth descriptor";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), EMFILE) << e.what();
    }
}

TEST(network, runs_out_of_descriptors) { simulate(too_many); }

coroutine<> slow_server() {
    const auto sim = simulation::current();
    sim.get_host("server").run(serve_echo);
    sim.get_host("server").read_slowly(100ms);
    co_await sleep(1s);
    const auto before = asyncio::get_running_loop().time();
    const std::string data(300'000, 'x');
    EXPECT_EQ((co_await ask("server", data)).size(), data.size());
    EXPECT_GT(asyncio::get_running_loop().time() - before, 400ms);
    EXPECT_GT(sim.count(fault::slow_reader), 0u);
}

TEST(network, has_slow_readers) { simulate(slow_server); }

coroutine<> no_names() {
    const auto sim = simulation::current();
    sim.get_host("server").run(serve_echo);
    sim.fail_lookups("server");
    co_await sleep(1s);
    try {
        co_await ask("server", "x");
        ADD_FAILURE() << "the name was found";
    } catch (const std::system_error& e) {
        EXPECT_NE(std::string(e.what()).find("cannot resolve host 'server'"), std::string::npos);
    }
}

TEST(network, fails_lookups) { simulate(no_names); }

coroutine<> finds_names() {
    const auto sim = simulation::current();
    auto& loop = asyncio::get_running_loop();
    const asyncio::socket_address server(sim.get_host("server").address(), 80);
    const auto found = co_await loop.getnameinfo(server);
    EXPECT_EQ(found.host, "server");
    EXPECT_EQ(found.service, "http");
    const auto numbers = co_await loop.getnameinfo(server, asyncio::numeric_names::host);
    EXPECT_EQ(numbers.host, sim.get_host("server").address());
    EXPECT_EQ(numbers.service, "http");
    EXPECT_EQ((co_await loop.getnameinfo(asyncio::socket_address("127.0.0.1", 7))).host,
              "localhost");
    EXPECT_EQ((co_await loop.getnameinfo(asyncio::socket_address("8.8.8.8", 7))).host, "8.8.8.8");
    sim.fail_lookups("server");
    EXPECT_THROW((void)co_await loop.getnameinfo(server), std::system_error);
}

TEST(network, finds_the_names_of_addresses) { simulate(finds_names); }

coroutine<> answers_datagrams() {
    asyncio::socket s(asyncio::address_family::ipv4, asyncio::socket_type::datagram);
    s.bind(asyncio::socket_address("0.0.0.0", 53));
    auto& loop = asyncio::get_running_loop();
    for (;;) {
        const auto received = co_await loop.sock_recvfrom(s, 1000);
        co_await loop.sock_sendto(s, received.data, received.address);
    }
}

coroutine<> datagrams() {
    const auto sim = simulation::current();
    const auto server = sim.get_host("server");
    server.run(answers_datagrams);
    co_await sleep(1s);
    asyncio::socket s(asyncio::address_family::ipv4, asyncio::socket_type::datagram);
    auto& loop = asyncio::get_running_loop();
    co_await loop.sock_sendto(s, "ping", asyncio::socket_address(server.address(), 53));
    EXPECT_EQ((co_await loop.sock_recvfrom(s, 1000)).data, "ping");
}

TEST(network, carries_datagrams) { simulate(datagrams); }

coroutine<> pairs() {
    auto [a, b] = asyncio::socket::pair();
    auto& loop = asyncio::get_running_loop();
    co_await loop.sock_sendall(a, "hello");
    EXPECT_EQ(co_await loop.sock_recv(b, 100), "hello");
    a.close();
    EXPECT_EQ(co_await loop.sock_recv(b, 100), "");
}

coroutine<> unix_sockets() {
    auto server = co_await asyncio::start_unix_server(echo, "/run/echo");
    auto [reader, writer] = co_await asyncio::open_unix_connection("/run/echo");
    writer.write("hello\n");
    EXPECT_EQ(co_await reader.readline(), "hello\n");
    server.close();
    try {
        (void)co_await asyncio::open_unix_connection("/run/echo");
        ADD_FAILURE() << "connected to a closed server";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ENOENT) << e.what();
    }
}

TEST(network, has_pairs_and_unix_sockets) {
    simulate(pairs);
    simulate(unix_sockets);
}

coroutine<> fails_after_a_second() {
    co_await sleep(1s);
    throw std::runtime_error("disk full");
}

coroutine<> joins() {
    const auto server = simulation::current().get_host("server");
    server.run(fails_after_a_second);
    EXPECT_THROW(server.run(fails_after_a_second), std::runtime_error);
    const auto ended = server.join();
    EXPECT_THROW(co_await ended, std::runtime_error);
    EXPECT_FALSE(server.is_up());
}

coroutine<> does_not_join() {
    simulation::current().get_host("server").run(fails_after_a_second);
    co_await sleep(10s);
}

TEST(network, tells_of_processes_that_fail) {
    simulate(joins);
    try {
        simulate(does_not_join, {.quiet = true});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const asyncio::testing::simulation_error& e) {
        const std::string text = e.what();
        EXPECT_NE(text.find("host 'server' failed: std::runtime_error: disk full"),
                  std::string::npos)
            << text;
    }
}

coroutine<> nothing_passes() {
    simulation::current().partition("main", "server");
    co_await sleep(1s);
}

TEST(network, fails_if_a_fault_never_happened) {
    const auto text_of = [](auto f) {
        try {
            f();
        } catch (const asyncio::testing::fault_never_fired& e) {
            return std::string(e.what());
        }
        return std::string("nothing was thrown");
    };
    const std::string one = text_of([] { simulate(nothing_passes, {.quiet = true}); });
    EXPECT_NE(one.find("never happened in this run: partition"), std::string::npos) << one;
    const std::string two =
        text_of([] { simulate(on_one_host, {.network = {.loss = 0.5}, .quiet = true}); });
    EXPECT_NE(two.find("loss"), std::string::npos) << two;
    const std::string many = text_of([] {
        (void)asyncio::testing::explore(on_one_host,
                                        {.seeds = 3, .each = {.network = {.resets = 0.5}}});
    });
    EXPECT_NE(many.find("in 3 runs: reset"), std::string::npos) << many;
}

TEST(network, has_the_same_hash_with_every_compiler) {
    simulation_report report;
    simulate(between_hosts, {.seed = 3, .network = {.loss = 0.1}, .report = &report});
    EXPECT_EQ(report.trace_hash, 95414567728387142u);
    simulate(much_data, {.seed = 4,
                         .strategy = scheduling::pct,
                         .network = {.loss = 0.05, .short_reads = 0.5},
                         .report = &report});
    EXPECT_EQ(report.trace_hash, 15281295696122089389u);
}

TEST(network, repeats_itself) {
    simulation_report report;
    simulate(much_data, {.seed = 5,
                         .network = {.loss = 0.05, .short_reads = 0.1},
                         .run_twice = true,
                         .report = &report});
    EXPECT_EQ(asyncio::testing::to_string(fault::short_read), "short_read");
    EXPECT_THROW((void)simulation::current(), std::runtime_error);
}

}  // namespace network_test
