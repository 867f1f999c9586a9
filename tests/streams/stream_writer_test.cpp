#include "asyncio/streams/stream_writer.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace stream_writer_test {

using asyncio::coroutine;
using asyncio::stream_writer;
using loopback::code_of;
using loopback::connected;
using loopback::error_of;
using loopback::rounds;
using namespace std::chrono_literals;

constexpr std::size_t megabyte = std::size_t(1) << 20;

coroutine<> write_some() {
    auto [a, b] = co_await connected();
    a.writer.write("hello, ");
    EXPECT_EQ(a.writer.get_write_buffer_size(), 0u) << "sent at once";
    const std::vector<std::string> pieces(3, "ab");
    a.writer.writelines(pieces);
    a.writer.writelines({"c", std::string_view(), "d"});
    a.writer.writelines(std::vector<std::string_view>());
    a.writer.write("");
    std::string s = co_await b.reader.readexactly(15);
    EXPECT_EQ(s, "hello, abababcd");

    const std::vector<std::string> many(1000, "0123456789");
    a.writer.writelines(many);
    s = co_await b.reader.readexactly(10'000);
    EXPECT_EQ(s.substr(9'990), "0123456789");
    co_await a.writer.drain();
}

TEST(stream_writer, writes_at_once) { asyncio::run(write_some()); }

coroutine<> write_nothing() {
    auto [a, b] = co_await connected();
    b.writer.abort();
    co_await rounds(3);
    a.writer.write("");
    a.writer.writelines({std::string_view(), std::string_view()});
    co_await a.writer.drain();  // nothing was sent that could have failed
    a.writer.write("x");
    const std::error_code code = co_await code_of(a.writer.drain());
    EXPECT_EQ(code.value(), ECONNRESET);
}

TEST(stream_writer, sends_nothing_for_nothing) { asyncio::run(write_nothing()); }

coroutine<std::size_t> read_all(asyncio::stream_reader r, bool& right) {
    std::size_t total = 0;
    std::vector<char> data(50'000);
    for (;;) {
        const std::size_t n = co_await r.read_into(data);
        if (n == 0) co_return total;
        for (std::size_t i = 0; i < n; ++i)
            right = right && data[i] == static_cast<char>((total + i) % 251);
        total += n;
    }
}

coroutine<> write_more_than_fits() {
    auto [a, b] = co_await connected();
    std::string big(16 * megabyte, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i % 251);
    a.writer.write(std::string_view(big).substr(0, 9 * megabyte));
    a.writer.write(std::string_view(big).substr(9 * megabyte));
    EXPECT_GT(a.writer.get_write_buffer_size(), 5 * megabyte);

    auto first = asyncio::create_task(a.writer.drain());
    auto second = asyncio::create_task(a.writer.drain());
    auto cancelled = asyncio::create_task(a.writer.drain());
    co_await asyncio::sleep(2ms);
    EXPECT_FALSE(first.done()) << "nobody reads";
    EXPECT_FALSE(second.done());
    cancelled.cancel();
    const std::string e = co_await error_of(std::move(cancelled));
    EXPECT_EQ(e, "cancelled");

    bool right = true;
    auto reading = asyncio::create_task(read_all, b.reader, std::ref(right));
    co_await first;
    EXPECT_LE(a.writer.get_write_buffer_size(), 16u * 1024);
    co_await second;
    a.writer.write_eof();
    const std::size_t total = co_await reading;
    EXPECT_EQ(total, big.size());
    EXPECT_TRUE(right);
}

TEST(stream_writer, holds_back_who_writes_faster_than_the_peer_reads) {
    asyncio::run(write_more_than_fits());
}

coroutine<> set_limits() {
    auto [a, b] = co_await connected();
    EXPECT_THROW(a.writer.set_write_buffer_limits(1, 2), std::invalid_argument);
    a.writer.set_write_buffer_limits(64 * megabyte, 8 * megabyte);
    a.writer.write(std::string(16 * megabyte, 'x'));
    co_await a.writer.drain();
    EXPECT_GT(a.writer.get_write_buffer_size(), 8 * megabyte) << "below the high water";
    a.writer.set_write_buffer_limits(0, 0);
    auto t = asyncio::create_task(a.writer.drain());
    co_await rounds(2);
    EXPECT_FALSE(t.done());
    a.writer.set_write_buffer_limits(64 * megabyte, 64 * megabyte);
    co_await t;
    a.writer.abort();
    b.writer.close();
}

TEST(stream_writer, takes_other_limits) { asyncio::run(set_limits()); }

// ---- the end ----

coroutine<> half_close() {
    auto [a, b] = co_await connected();
    EXPECT_TRUE(a.writer.can_write_eof());
    a.writer.write(std::string(4 * megabyte, 'x'));
    a.writer.write_eof();
    a.writer.write_eof();
    const std::string e = co_await [](stream_writer w) -> coroutine<std::string> {
        std::string text;
        try {
            w.write("x");
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        co_return text;
    }(a.writer);
    EXPECT_NE(e.find("write after write_eof"), e.npos) << e;
    std::string s = co_await b.reader.read();
    EXPECT_EQ(s.size(), 4 * megabyte) << "the end comes behind what was written";
    b.writer.write("answer");
    b.writer.close();
    s = co_await a.reader.read();
    EXPECT_EQ(s, "answer");
    co_await b.writer.wait_closed();
}

TEST(stream_writer, closes_its_direction_only) { asyncio::run(half_close()); }

coroutine<> close_with_data_left() {
    const std::size_t before = loopback::descriptors();
    {
        auto [a, b] = co_await connected();
        a.writer.write(std::string(8 * megabyte, 'x'));
        EXPECT_FALSE(a.writer.is_closing());
        a.writer.close();
        a.writer.close();
        EXPECT_TRUE(a.writer.is_closing());
        EXPECT_TRUE(a.reader.at_eof()) << "its own reader is at the end";
        std::string s = co_await a.reader.read();
        EXPECT_EQ(s, "");
        auto closed = asyncio::create_task(a.writer.wait_closed());
        auto cancelled = asyncio::create_task(a.writer.wait_closed());
        co_await rounds(3);
        EXPECT_FALSE(closed.done());
        EXPECT_GE(a.writer.fileno(), 0);
        cancelled.cancel();
        const std::string e = co_await error_of(std::move(cancelled));
        EXPECT_EQ(e, "cancelled");
        s = co_await b.reader.read();
        EXPECT_EQ(s.size(), 8 * megabyte);
        co_await closed;
        EXPECT_EQ(a.writer.fileno(), -1);
        co_await a.writer.wait_closed();
        a.writer.write("ignored");
        const std::error_code code = co_await code_of(a.writer.drain());
        EXPECT_EQ(code, std::errc::connection_reset);
        EXPECT_EQ(a.writer.sockname(), asyncio::socket_address());
    }
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(stream_writer, closes_behind_what_was_written) { asyncio::run(close_with_data_left()); }

coroutine<> drop_the_last_writer() {
    auto [a, b] = co_await connected();
    {
        const stream_writer last = std::move(a.writer);
        {
            stream_writer copy = last;
            copy.write(std::string(4 * megabyte, 'x'));
            stream_writer other = copy;
            other = std::move(copy);
            EXPECT_THROW(copy.close(), asyncio::invalid_state_error);
        }
        EXPECT_FALSE(last.is_closing());
    }
    std::string s = co_await b.reader.read();
    EXPECT_EQ(s.size(), 4 * megabyte) << "it was sent before the connection was closed";
    s = co_await a.reader.read();
    EXPECT_EQ(s, "") << "the reader that is left is at its end";
}

TEST(stream_writer, closes_when_the_last_copy_is_dropped) { asyncio::run(drop_the_last_writer()); }

coroutine<> close_while_reading() {
    auto [a, b] = co_await connected();
    auto some = asyncio::create_task(a.reader.read(5));
    co_await rounds(2);
    a.writer.close();
    const std::string s = co_await some;
    EXPECT_EQ(s, "");
    auto exact = asyncio::create_task(b.reader.readexactly(5));
    co_await rounds(1);
    b.writer.abort();
    const std::string e = co_await error_of(std::move(exact));
    EXPECT_NE(e.find("0 of 5 expected bytes"), e.npos) << e;
}

TEST(stream_writer, wakes_its_reader_when_it_closes) { asyncio::run(close_while_reading()); }

// ---- a connection that is lost ----

coroutine<> write_in_a_loop(stream_writer w) {
    for (;;) {
        w.write(std::string(1000, 'x'));
        co_await w.drain();
    }
}

coroutine<> lose_the_connection() {
    auto [a, b] = co_await connected();
    const std::string peer = a.writer.peername().to_string();
    auto waiting = asyncio::create_task(write_in_a_loop, a.writer);
    co_await asyncio::sleep(1ms);
    b.writer.abort();
    std::string text;
    std::error_code code;
    try {
        co_await waiting;
    } catch (const std::system_error& e) {
        text = e.what();
        code = e.code();
    }
    EXPECT_EQ(code, std::errc::connection_reset);
    EXPECT_NE(text.find("sending to " + peer), text.npos) << text;
    a.writer.write("goes nowhere");
    std::string e = co_await error_of(a.writer.drain());
    EXPECT_EQ(e, text) << "each time";
    a.writer.close();
    e = co_await error_of(a.writer.wait_closed());
    EXPECT_EQ(e, text);
    EXPECT_EQ(a.writer.fileno(), -1);
}

TEST(stream_writer, tells_that_the_connection_was_lost) { asyncio::run(lose_the_connection()); }

coroutine<> lose_it_while_draining() {
    auto [a, b] = co_await connected();
    a.writer.write(std::string(32 * megabyte, 'x'));
    auto first = asyncio::create_task(a.writer.drain());
    auto second = asyncio::create_task(a.writer.drain());
    co_await rounds(3);
    EXPECT_FALSE(first.done());
    b.writer.abort();
    std::error_code code = co_await code_of(std::move(first));
    EXPECT_EQ(code, std::errc::connection_reset);
    code = co_await code_of(std::move(second));
    EXPECT_EQ(code, std::errc::connection_reset);
    EXPECT_EQ(a.writer.get_write_buffer_size(), 0u);
}

TEST(stream_writer, ends_every_drain_when_the_connection_is_lost) {
    asyncio::run(lose_it_while_draining());
}

coroutine<> read_the_last_words() {
    auto [a, b] = co_await connected();
    // The peer answers and leaves without having read everything.
    a.writer.write("a question");
    b.writer.write("go away");
    b.writer.close();
    a.writer.write("nobody reads this");
    std::error_code code = co_await code_of(a.writer.drain());
    EXPECT_EQ(code, std::errc::connection_reset);
    const std::string s = co_await a.reader.read(100);
    EXPECT_EQ(s, "go away");
}

TEST(stream_writer, lets_the_reader_finish_when_sending_fails) {
    asyncio::run(read_the_last_words());
}

// ---- cancel and timeouts ----

coroutine<> cancel_drains() {
    auto [a, b] = co_await connected();
    a.writer.write(std::string(8 * megabyte, 'x'));
    auto before = asyncio::create_task(a.writer.drain());
    before.cancel();
    std::string e = co_await error_of(std::move(before));
    EXPECT_EQ(e, "cancelled");
    e = co_await error_of(asyncio::wait_for(a.writer.drain(), 1ms));
    EXPECT_TRUE(e.starts_with("asyncio: timed out: sending to 127.0.0.1:")) << e;
    a.writer.write_eof();
    const std::string s = co_await b.reader.read();
    EXPECT_EQ(s.size(), 8 * megabyte) << "what was written is sent";
}

TEST(stream_writer, sends_what_was_written_also_when_drain_is_cancelled) {
    asyncio::run(cancel_drains());
}

coroutine<> look_at_addresses() {
    auto [a, b] = co_await connected();
    EXPECT_EQ(a.writer.peername(), b.writer.sockname());
    EXPECT_EQ(a.writer.sockname(), b.writer.peername());
    EXPECT_EQ(a.writer.get_extra_info("peername"), b.writer.sockname());
    EXPECT_EQ(a.writer.get_extra_info("sockname"), b.writer.peername());
    EXPECT_FALSE(a.writer.get_extra_info("cipher").has_value());
    EXPECT_GE(a.writer.fileno(), 0);
    const asyncio::socket_address peer = a.writer.peername();
    a.writer.close();
    EXPECT_EQ(a.writer.peername(), peer) << "also afterwards";
}

TEST(stream_writer, knows_both_addresses) { asyncio::run(look_at_addresses()); }

coroutine<> use_another_loops(asyncio::connection& c) {
    std::string e = co_await error_of(c.reader.read(1));
    EXPECT_NE(e.find("another event loop"), e.npos) << e;
}

TEST(stream_writer, outlives_its_loop) {
    const std::size_t before = loopback::descriptors();
    std::vector<asyncio::connection> kept;
    {
        auto keep = [](std::vector<asyncio::connection>& to) -> coroutine<> {
            auto [a, b] = co_await connected();
            to.push_back(a);
            to.push_back(b);
            a.writer.write(std::string(8 * megabyte, 'x'));
            b.writer.write("x");
        };
        auto loop = asyncio::new_event_loop();
        loop->run_until_complete(keep(kept));
        asyncio::connection& a = kept[0];
        EXPECT_GT(a.writer.get_write_buffer_size(), megabyte);
    }
    for (asyncio::connection& c : kept) {
        EXPECT_EQ(c.writer.fileno(), -1) << "the loop has closed it";
        EXPECT_TRUE(c.writer.is_closing());
        c.writer.write("x");
        c.writer.close();
        EXPECT_EQ(c.writer.fileno(), -1);
    }
    auto second = [](asyncio::connection& c) -> coroutine<> {
        const std::string s = co_await c.reader.read();
        EXPECT_EQ(s, "");
    };
    asyncio::run(second(kept[1]));
    kept.clear();
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(stream_writer, refuses_to_wait_on_another_loop) {
    auto first = asyncio::new_event_loop();
    auto pair = first->run_until_complete(connected());
    asyncio::run(use_another_loops(pair.a));
}

}  // namespace stream_writer_test
