// What readers and writers share, under everything that can go wrong: cancels at every await,
// allocations that fail, system calls that fail, descriptors that are used again.
#include "asyncio/streams/stream_state.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "asyncio/testing.hpp"
#include "streams/loopback.hpp"

namespace stream_state_test {

using asyncio::coroutine;
using loopback::echo;
using loopback::error_of;
using loopback::rounds;
using namespace std::chrono_literals;

// ---- one thing at a time goes wrong ----

/// Half-close, back-pressure, a line, an exact read, both ends closed.
coroutine<> serve_one(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    const std::string line = co_await reader.readline();
    writer.write(line);
    const std::string body = co_await reader.read();
    writer.write(std::to_string(body.size()));
    co_await writer.drain();
    writer.close();
    co_await writer.wait_closed();
}

coroutine<> whole_conversation() {
    asyncio::server server = co_await asyncio::start_server(serve_one, "0.0.0.0", 8000);
    auto body = [](asyncio::server& s) -> coroutine<> {
        auto [reader, writer] = co_await asyncio::open_connection("main", s.port());
        writer.write("a line\n");
        const std::string line = co_await reader.readline();
        if (line != "a line\n") throw std::runtime_error("got " + line);
        writer.write(std::string(200'000, 'x'));
        co_await writer.drain();
        writer.write_eof();
        char first = 0;
        (void)co_await reader.read_into({&first, 1});
        const std::string count = co_await reader.readexactly(5);
        if (first + count != "200000") throw std::runtime_error("got " + count);
        writer.close();
        co_await writer.wait_closed();
    };
    co_await asyncio::with(server, body);
}

TEST(stream_state, survives_a_cancel_at_every_await) {
    const auto report = asyncio::testing::cancel_everywhere(
        whole_conversation,
        {.target = asyncio::testing::cancel_target::every_task, .any_error = true});
    EXPECT_GT(report.runs, 25u);
}

TEST(stream_state, survives_every_allocation_that_fails) {
    const auto report =
        asyncio::testing::fail_every_allocation(whole_conversation, {.any_error = true});
    EXPECT_GT(report.runs, 30u);
}

TEST(stream_state, survives_every_call_that_fails) {
    const auto report = asyncio::testing::fail_every_call(whole_conversation, {.any_error = true});
    EXPECT_GT(report.runs, 25u);
}

/// Nothing of the server has run yet when it closes.
coroutine<> closed_before_its_first_round() {
    const asyncio::server server = co_await asyncio::start_server(serve_one, "0.0.0.0", 8000);
    server.close();
}

TEST(stream_state, a_server_that_closes_at_once_leaves_nothing) {
    EXPECT_GT(asyncio::testing::fail_every_call(closed_before_its_first_round).runs, 0u);
}

/// It never calls drain(): what it hears of a write that has failed, it hears when it reads.
coroutine<> asks_without_drain() {
    asyncio::server server = co_await asyncio::start_server(serve_one, "0.0.0.0", 8000);
    auto body = [](asyncio::server& s) -> coroutine<> {
        auto [reader, writer] = co_await asyncio::open_connection("main", s.port());
        writer.write("a line\n");
        const std::string line = co_await reader.readline();
        if (line != "a line\n") throw std::runtime_error("got " + line);
        writer.write_eof();
        (void)co_await reader.read();
    };
    co_await asyncio::with(server, body);
}

TEST(stream_state, a_failed_write_ends_the_wait_for_an_answer) {
    // Whatever fails, nobody waits for ever: that would be a deadlock.
    const auto report = asyncio::testing::fail_every_call(asks_without_drain, {.any_error = true});
    EXPECT_GT(report.ended_with_error, 10u);
}

// ---- a faulty network ----

coroutine<> send_and_check(int port, int id, int& done) {
    for (int attempt = 0; attempt < 100; ++attempt) {
        try {
            auto [reader, writer] = co_await asyncio::open_connection("server", port);
            const std::string nonce = "nonce " + std::to_string(id) + std::string(5000, '.');
            for (int i = 0; i < 3; ++i) {
                writer.write(nonce);
                co_await writer.drain();
                const std::string got = co_await reader.readexactly(nonce.size());
                asyncio::testing::expect(got == nonce, "a foreign nonce");
            }
            ++done;
            co_return;
        } catch (const std::system_error&) {
        } catch (const asyncio::incomplete_read_error&) {
        }
    }
}

coroutine<> serve_for_ever() {
    const auto quiet = [](asyncio::stream_reader r, asyncio::stream_writer w) -> coroutine<> {
        (void)co_await error_of(echo(r, w));
    };
    const asyncio::server s = co_await asyncio::start_server(quiet, "0.0.0.0", 8000);
    co_await s.serve_forever();
}

coroutine<> many_clients_of_a_bad_network() {
    const auto server = asyncio::testing::simulation::current().get_host("server");
    server.run(serve_for_ever);
    int done = 0;
    std::vector<asyncio::task<>> clients;
    for (int i = 0; i < 30; ++i)
        clients.push_back(asyncio::create_task(send_and_check, 8000, i, std::ref(done)));
    for (const auto& c : clients) co_await c;
    asyncio::testing::expect(done == 30, "every client succeeds in the end");
    server.kill();
}

TEST(stream_state, survives_a_bad_network) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        asyncio::testing::simulation_report report;
        asyncio::testing::simulate_options options;
        options.seed = seed;
        options.report = &report;
        options.network.loss = 0.02;
        options.network.resets = 0.02;
        options.network.short_reads = 0.3;
        options.network.short_writes = 0.3;
        options.network.window = 3000;
        asyncio::testing::simulate(many_clients_of_a_bad_network, options);
        EXPECT_GT(report.count(asyncio::testing::fault::reset), 0u);
        EXPECT_GT(report.count(asyncio::testing::fault::short_read), 0u);
    }
}

// ---- storms on the real network ----

/// Descriptors are closed and used again while calls on the old ones are cancelled: what one
/// connection sends must never arrive at another.
coroutine<> nonce_client(int port, int id, unsigned& seed, int& exchanges) {
    try {
        for (int i = 0; i < 20; ++i) {
            auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
            const std::string nonce =
                std::to_string(id) + "/" + std::to_string(i) + std::string(seed % 300, '.') + "\n";
            seed = seed * 1664525u + 1013904223u;
            writer.write(nonce);
            const std::string got = co_await reader.readline();
            if (got != nonce) ADD_FAILURE() << "got " << got << " for " << nonce;
            ++exchanges;
            if (seed % 3 == 0) writer.abort();
        }
    } catch (const std::system_error&) {
    }
}

coroutine<> storm() {
    const std::size_t before = loopback::descriptors();
    int exchanges = 0;
    {
        asyncio::start_server_options options;
        options.backlog = 1000;
        asyncio::server server = co_await asyncio::start_server(echo, "127.0.0.1", 0, options);
        asyncio::get_running_loop().set_exception_handler(
            [](asyncio::event_loop&, const asyncio::exception_context& c) {
                // A handler whose client has reset its connection.
                EXPECT_NE(asyncio::detail::describe(c.exception).find("reset"), std::string::npos)
                    << asyncio::detail::describe(c.exception);
            });
        unsigned seed = 1;
        for (int round = 0; round < 30; ++round) {
            std::vector<asyncio::task<>> clients;
            for (int i = 0; i < 20; ++i)
                clients.push_back(asyncio::create_task(nonce_client, server.port(), i,
                                                       std::ref(seed), std::ref(exchanges)));
            while (true) {
                co_await asyncio::sleep(std::chrono::microseconds(seed % 700));
                bool all = true;
                for (const auto& c : clients) {
                    seed = seed * 1664525u + 1013904223u;
                    if (seed % 4 == 0) c.cancel();
                    all = all && c.done();
                }
                if (all) break;
            }
        }
        server.close();
        co_await server.wait_closed();
    }
    EXPECT_GT(exchanges, 100);
    EXPECT_EQ(loopback::descriptors(), before);
    EXPECT_EQ(asyncio::all_tasks().size(), 1u);
}

TEST(stream_state, never_mixes_up_connections) { asyncio::run(storm()); }

}  // namespace stream_state_test
