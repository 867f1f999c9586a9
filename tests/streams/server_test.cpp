#include "asyncio/streams/server.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace server_test {

using asyncio::coroutine;
using asyncio::server;
using asyncio::stream_reader;
using asyncio::stream_writer;
using loopback::code_of;
using loopback::echo;
using loopback::error_of;
using loopback::rounds;
using loopback::until;
using namespace std::chrono_literals;

constexpr std::size_t megabyte = std::size_t(1) << 20;

/// Collects what reaches the loop's exception handler.
std::shared_ptr<std::vector<std::string>> collect_reports() {
    auto seen = std::make_shared<std::vector<std::string>>();
    asyncio::get_running_loop().set_exception_handler([seen](asyncio::event_loop&,
                                                             const asyncio::exception_context& c) {
        seen->push_back(c.message + "|" + asyncio::detail::describe(c.exception) + "|" + c.details);
    });
    return seen;
}

// ---- handlers ----

coroutine<> fail(stream_reader, stream_writer) {
    co_await asyncio::sleep(0s);
    throw std::runtime_error("boom");
}

coroutine<> client_of_a_failing_handler() {
    const auto seen = collect_reports();
    const server s = co_await asyncio::start_server(fail, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    const std::string got = co_await reader.read();
    EXPECT_EQ(got, "") << "its connection is closed";
    co_await rounds(3);
    EXPECT_EQ(seen->size(), 1u);
    if (seen->size() == 1) {
        EXPECT_NE(seen->at(0).find("handler of a server's connection"), std::string::npos);
        EXPECT_NE(seen->at(0).find("std::runtime_error: boom"), std::string::npos);
        EXPECT_NE(seen->at(0).find("server_test.cpp"), std::string::npos) << seen->at(0);
    }
}

TEST(server, reports_a_handler_that_fails) { asyncio::run(client_of_a_failing_handler()); }

coroutine<> fail_with_a_kept_writer(stream_reader, stream_writer writer,
                                    std::vector<stream_writer>& kept) {
    kept.push_back(writer);
    throw std::runtime_error("boom");
    co_return;
}

coroutine<> client_of_a_failing_handler_that_kept_its_writer() {
    const auto seen = collect_reports();
    std::vector<stream_writer> kept;
    auto handler = [&kept](stream_reader r, stream_writer w) {
        return fail_with_a_kept_writer(std::move(r), std::move(w), kept);
    };
    const server s = co_await asyncio::start_server(handler, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    (void)co_await reader.read();
    EXPECT_EQ(seen->size(), 1u);
    EXPECT_TRUE(kept.at(0).is_closing());
}

TEST(server, closes_the_connection_of_a_handler_that_fails) {
    asyncio::run(client_of_a_failing_handler_that_kept_its_writer());
}

coroutine<> cancel_itself(stream_reader, stream_writer) {
    asyncio::current_task().cancel();
    co_await asyncio::sleep(1h);
}

coroutine<> throw_at_once(stream_reader, stream_writer) { throw std::runtime_error("at once"); }

coroutine<> clients_of_odd_handlers() {
    const auto seen = collect_reports();
    const server s = co_await asyncio::start_server(cancel_itself, "127.0.0.1", 0);
    auto first = co_await asyncio::open_connection("127.0.0.1", s.port());
    (void)co_await first.reader.read();
    co_await rounds(3);
    EXPECT_TRUE(seen->empty()) << "a cancelled handler is silent";

    const auto plain = [](stream_reader r, stream_writer w) {
        return throw_at_once(std::move(r), std::move(w));
    };
    const auto before_its_coroutine = [](stream_reader, stream_writer) -> coroutine<> {
        struct thrower {
            static coroutine<> make() { throw std::runtime_error("no coroutine was made"); }
        };
        return thrower::make();
    };
    for (int i = 0; i < 2; ++i) {
        auto starting = i == 0 ? asyncio::start_server(plain, "127.0.0.1", 0)
                               : asyncio::start_server(before_its_coroutine, "127.0.0.1", 0);
        const server odd = co_await std::move(starting);
        auto c = co_await asyncio::open_connection("127.0.0.1", odd.port());
        (void)co_await error_of(c.reader.read());
        co_await until([&] { return seen->size() == std::size_t(i) + 1; });
    }
    EXPECT_NE(seen->at(0).find("at once"), std::string::npos);
    EXPECT_NE(seen->at(1).find("no coroutine was made"), std::string::npos);
}

TEST(server, survives_handlers_that_end_oddly) { asyncio::run(clients_of_odd_handlers()); }

/// Parameters by value, by reference, a lambda with captures, and a member function's object.
coroutine<> by_reference(stream_reader& reader, stream_writer& writer) {
    co_await asyncio::sleep(0s);
    writer.write(co_await reader.readline());
}
coroutine<> by_const_reference(const stream_reader& reader, const stream_writer& writer) {
    co_await asyncio::sleep(0s);
    writer.write(co_await reader.readline());
}
struct greeter {
    coroutine<> operator()(stream_reader reader, stream_writer writer) const {
        co_await asyncio::sleep(0s);
        writer.write(greeting);
        writer.write(co_await reader.readline());
    }
    std::string greeting;
};

template <class Handler>
coroutine<std::string> ask(Handler handler) {
    const server s = co_await asyncio::start_server(handler, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    writer.write("hello\n");
    std::string answer = co_await reader.read();
    co_return answer;
}

coroutine<> try_handlers() {
    std::string s = co_await ask(by_reference);
    EXPECT_EQ(s, "hello\n");
    s = co_await ask(by_const_reference);
    EXPECT_EQ(s, "hello\n");
    greeter g;
    g.greeting = "a greeting that is too long for the small string: ";
    s = co_await ask(std::move(g));
    EXPECT_EQ(s, "a greeting that is too long for the small string: hello\n");
}

TEST(server, keeps_what_its_handlers_refer_to) { asyncio::run(try_handlers()); }

asyncio::context_var<int> number{"number", 0};

coroutine<> tell_the_number(stream_reader, stream_writer writer) {
    const std::string before = std::to_string(number.get());
    number.set(number.get() + 1);
    writer.write(before);
    co_return;
}

coroutine<> look_at_contexts() {
    number.set(7);
    const server s = co_await asyncio::start_server(tell_the_number, "127.0.0.1", 0);
    number.set(100);
    for (int i = 0; i < 2; ++i) {
        auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
        const std::string got = co_await reader.read();
        EXPECT_EQ(got, "7") << "each handler has a copy of the context of start_server's caller";
    }
}

TEST(server, starts_handlers_in_a_copy_of_its_creators_context) {
    asyncio::run(look_at_contexts());
}

// ---- closing ----

coroutine<> close_with_one_connection() {
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    EXPECT_TRUE(s.is_serving());
    EXPECT_EQ(&s.get_loop(), &asyncio::get_running_loop());
    EXPECT_EQ(s.addresses().size(), 1u);
    EXPECT_EQ(s.addresses().at(0).port(), s.port());
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    writer.write("x");
    std::string got = co_await reader.readexactly(1);
    EXPECT_EQ(got, "x");

    const int port = s.port();
    auto waiting = asyncio::create_task(s.wait_closed());
    auto cancelled = asyncio::create_task(s.wait_closed());
    co_await rounds(3);
    s.close();
    s.close();
    EXPECT_FALSE(s.is_serving());
    EXPECT_EQ(s.port(), 0);
    EXPECT_TRUE(s.addresses().empty());
    cancelled.cancel();
    const std::string e = co_await error_of(std::move(cancelled));
    EXPECT_EQ(e, "cancelled");
    EXPECT_FALSE(waiting.done()) << "a connection is open";
    const std::error_code refused = co_await code_of(asyncio::open_connection("127.0.0.1", port));
    EXPECT_EQ(refused, std::errc::connection_refused);
    writer.write("y");
    got = co_await reader.readexactly(1);
    EXPECT_EQ(got, "y") << "the connection goes on";
    writer.close();
    co_await waiting;
    co_await s.wait_closed();
    const std::string again = co_await error_of(s.start_serving());
    EXPECT_EQ(again, "asyncio: the server is closed");
}

TEST(server, is_closed_when_its_last_connection_is) { asyncio::run(close_with_one_connection()); }

coroutine<> close_both_in_one_round() {
    auto& loop = asyncio::get_running_loop();
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    writer.write("x");
    (void)co_await reader.readexactly(1);
    loop.call_soon([&s] { s.close(); });
    loop.call_soon([&writer] { writer.close(); });
    co_await s.wait_closed();
}

TEST(server, notices_its_end_in_one_round_with_the_last_connections) {
    asyncio::run(close_both_in_one_round());
}

coroutine<> write_much(stream_reader reader, stream_writer writer) {
    writer.write(std::string(16 * megabyte, 'x'));
    (void)co_await reader.read();
}

coroutine<> end_clients(bool abort) {
    const server s = co_await asyncio::start_server(write_much, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    (void)co_await reader.readexactly(1);
    s.close();
    if (abort)
        s.abort_clients();
    else
        s.close_clients();
    std::size_t received = 1;
    bool reset = false;
    std::vector<char> data(megabyte);
    try {
        for (std::size_t n = 1; n != 0; received += n) n = co_await reader.read_into(data);
    } catch (const std::system_error& e) {
        reset = e.code() == std::errc::connection_reset;
    }
    EXPECT_EQ(reset, abort);
    EXPECT_EQ(received == 16 * megabyte, !abort);
    co_await s.wait_closed();
}

TEST(server, lets_its_clients_buffers_flush) { asyncio::run(end_clients(false)); }
TEST(server, drops_its_clients_buffers) { asyncio::run(end_clients(true)); }

coroutine<> talk_under_with() {
    std::uint16_t port = 0;
    auto body = [&port](server& s) -> coroutine<int> {
        port = s.port();
        auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
        writer.write("x");
        const std::string got = co_await reader.readexactly(1);
        co_return static_cast<int>(got.size());
    };
    server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    const int got = co_await asyncio::with(s, body);
    EXPECT_EQ(got, 1);
    EXPECT_FALSE(s.is_serving());
    const std::error_code refused = co_await code_of(asyncio::open_connection("127.0.0.1", port));
    EXPECT_EQ(refused, std::errc::connection_refused);
    s.enter();
    co_await s.exit();
}

TEST(server, closes_at_the_end_of_with) { asyncio::run(talk_under_with()); }

// ---- serve_forever ----

coroutine<> serve_until_cancelled() {
    asyncio::start_server_options later;
    later.start_serving = false;
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0, later);
    EXPECT_FALSE(s.is_serving());
    std::error_code refused = co_await code_of(asyncio::open_connection("127.0.0.1", s.port()));
    EXPECT_EQ(refused, std::errc::connection_refused) << "it does not listen yet";
    auto t = asyncio::create_task(s.serve_forever());
    co_await rounds(2);
    EXPECT_TRUE(s.is_serving());
    co_await s.start_serving();
    std::string e = co_await error_of(s.serve_forever());
    EXPECT_NE(e.find("another task is in serve_forever() already"), e.npos);

    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    writer.write("x");
    (void)co_await reader.readexactly(1);
    t.cancel();
    co_await rounds(1);
    EXPECT_FALSE(s.is_serving());
    const std::string rest = co_await reader.read();
    EXPECT_EQ(rest, "") << "it closes its connections";
    e = co_await error_of(std::move(t));
    EXPECT_EQ(e, "cancelled");
}

TEST(server, serves_until_it_is_cancelled) { asyncio::run(serve_until_cancelled()); }

coroutine<> serve_until_closed() {
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    auto t = asyncio::create_task(s.serve_forever());
    co_await rounds(2);
    s.close();
    const std::string e = co_await error_of(std::move(t));
    EXPECT_EQ(e, "cancelled");
    const std::string again = co_await error_of(s.serve_forever());
    EXPECT_EQ(again, "asyncio: the server is closed");
}

TEST(server, ends_serve_forever_when_it_is_closed) { asyncio::run(serve_until_closed()); }

// ---- lifetimes ----

TEST(server, serves_on_when_its_handles_are_dropped) {
    const std::size_t before = loopback::descriptors();
    auto main = []() -> coroutine<> {
        int port = 0;
        {
            const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
            port = s.port();
        }
        auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
        writer.write("x");
        const std::string got = co_await reader.readexactly(1);
        EXPECT_EQ(got, "x");
    };
    asyncio::run(main());
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(server, outlives_its_loop) {
    const std::size_t before = loopback::descriptors();
    {
        std::vector<server> kept;
        auto main = [](std::vector<server>& to) -> coroutine<> {
            to.push_back(co_await asyncio::start_server(echo, "127.0.0.1", 0));
            auto [reader, writer] =
                co_await asyncio::open_connection("127.0.0.1", to.back().port());
            writer.write("x");
            (void)co_await reader.readexactly(1);
        };
        asyncio::run(main(kept));
        EXPECT_FALSE(kept.at(0).is_serving());
        kept.at(0).close();
        kept.at(0).close_clients();
        kept.at(0).abort_clients();
        const server moved = std::move(kept.at(0));
        EXPECT_THROW(kept.at(0).close(), asyncio::invalid_state_error);
    }
    EXPECT_EQ(loopback::descriptors(), before);
}

coroutine<> hold(stream_reader reader, stream_writer) {
    (void)co_await reader.read();
    co_await asyncio::sleep(1h);
}

TEST(server, may_be_closed_with_its_loop_while_handlers_run) {
    const std::size_t before = loopback::descriptors();
    auto main = []() -> coroutine<> {
        const server s = co_await asyncio::start_server(hold, "127.0.0.1", 0);
        std::vector<asyncio::connection> clients;
        for (int i = 0; i < 10; ++i)
            clients.push_back(co_await asyncio::open_connection("127.0.0.1", s.port()));
        clients.resize(5, clients[0]);
        co_await asyncio::sleep(1ms);
    };
    {
        auto loop = asyncio::new_event_loop();
        loop->set_exception_handler([](auto&, const auto&) {});
        loop->run_until_complete(main());
    }
    EXPECT_EQ(loopback::descriptors(), before);
}

/// Its end, and a failure that nobody will hear of, are still on their way when the loop closes.
coroutine<> close_and_fail(stream_reader reader, stream_writer writer) {
    (void)co_await reader.read();
    writer.close();
    throw std::runtime_error("too late to be told");
}

coroutine<> close_then_end(stream_reader& reader, stream_writer& writer, bool& ended) {
    writer.close();
    co_await writer.wait_closed();
    (void)co_await reader.read();
    ended = true;
}

TEST(server, forgets_handlers_that_end_with_their_loop) {
    const std::size_t before = loopback::descriptors();
    for (int rounds_left = 0; rounds_left < 6; ++rounds_left) {
        auto loop = asyncio::new_event_loop();
        loop->set_exception_handler([](auto&, const auto&) {});
        auto main = [](int more) -> coroutine<> {
            const server s = co_await asyncio::start_server(close_and_fail, "127.0.0.1", 0);
            auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
            co_await asyncio::sleep(1ms);
            writer.close();
            co_await rounds(more);
        };
        loop->run_until_complete(main(rounds_left));
    }
    EXPECT_EQ(loopback::descriptors(), before);
}

coroutine<> handler_outlives_its_connection() {
    bool ended = false;
    auto handler = [&ended](stream_reader& r, stream_writer& w) {
        return close_then_end(r, w, ended);
    };
    const server s = co_await asyncio::start_server(handler, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", s.port());
    (void)co_await reader.read();
    co_await until([&] { return ended; });
    s.close();
    co_await s.wait_closed();
}

TEST(server, a_handler_may_outlive_its_connection) {
    const std::size_t before = loopback::descriptors();
    asyncio::run(handler_outlives_its_connection());
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(server, an_idle_connection_is_small) {
    using namespace asyncio::detail;
    EXPECT_LE(sizeof(stream_state), sizeof(io_source) + 144);
    EXPECT_LE(sizeof(server_client), sizeof(io_source) + 184);
    // What the frame of a handler that reads and writes holds.
    EXPECT_LE(sizeof(read_into_call), 64u);
    EXPECT_LE(sizeof(drain_wait), 48u);
}

TEST(server, knows_which_handlers_may_keep_references) {
    using asyncio::detail::takes_values;
    const auto by_value = [](stream_reader, stream_writer) {};
    const auto by_reference = [](const stream_reader&, stream_writer&) {};
    const auto generic = [](auto&, auto&) {};
    EXPECT_TRUE(takes_values<decltype(&echo)>::value);
    EXPECT_TRUE(takes_values<decltype(by_value)>::value);
    EXPECT_FALSE(takes_values<decltype(by_reference)>::value);
    EXPECT_FALSE(takes_values<decltype(generic)>::value);
}

}  // namespace server_test
