#include "asyncio/streams/stream_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace stream_reader_test {

using asyncio::coroutine;
using asyncio::stream_reader;
using asyncio::task;
using loopback::error_of;
using loopback::rounds;
using namespace std::chrono_literals;

// ---- what each read takes ----

coroutine<> read_parts() {
    const stream_reader r;
    r.feed_data("one\ntwo;three\n\nrest of it");
    r.feed_eof();
    std::string s = co_await r.readline();
    EXPECT_EQ(s, "one\n");
    s = co_await r.readuntil(";");
    EXPECT_EQ(s, "two;");
    s = co_await r.readexactly(3);
    EXPECT_EQ(s, "thr");
    s = co_await r.readuntil();
    EXPECT_EQ(s, "ee\n");
    s = co_await r.readline();
    EXPECT_EQ(s, "\n");
    EXPECT_FALSE(r.at_eof());
    s = co_await r.read(0);
    EXPECT_EQ(s, "");
    s = co_await r.read(4);
    EXPECT_EQ(s, "rest");
    char some[3];
    const std::size_t n = co_await r.read_into(some);
    EXPECT_EQ(std::string(some, n), " of");
    s = co_await r.read();
    EXPECT_EQ(s, " it");
    EXPECT_TRUE(r.at_eof());
    s = co_await r.read(10);
    EXPECT_EQ(s, "");
    const std::size_t none = co_await r.read_into(some);
    EXPECT_EQ(none, 0u);
    s = co_await r.readline();
    EXPECT_EQ(s, "");
    EXPECT_EQ(stream_reader::default_limit, 65536u);
}

TEST(stream_reader, reads_parts_in_order) { asyncio::run(read_parts()); }

coroutine<> read_within_a_limit() {
    const stream_reader r;
    const auto late = co_await asyncio::as_outcome(asyncio::wait_for(r.read(4), 1ms));
    EXPECT_TRUE(asyncio::detail::describe(late.exception())
                    .starts_with("asyncio::timeout_error: asyncio: timed out: reading from a "
                                 "stream that is fed, limited at "));
    const auto taker = asyncio::create_task(
        [](const stream_reader& from) -> coroutine<bool> {
            const auto how = co_await asyncio::as_outcome(from.read(4));
            co_return how.cancelled();
        },
        std::cref(r));
    co_await rounds(2);
    taker.cancel();
    const bool cancelled = co_await taker;
    EXPECT_TRUE(cancelled);
    r.feed_data("here");
    const auto read = co_await asyncio::as_outcome(asyncio::wait_for(r.read(4), 1h));
    EXPECT_EQ(read.value(), "here");
}

TEST(stream_reader, reads_within_a_limit_without_throwing) { asyncio::run(read_within_a_limit()); }

coroutine<> read_too_much() {
    const stream_reader r;
    r.feed_data("hello");
    r.feed_eof();
    std::string partial;
    std::size_t expected = 0;
    try {
        (void)co_await r.readexactly(10);
    } catch (const asyncio::incomplete_read_error& e) {
        partial = e.partial();
        expected = e.expected();
        EXPECT_EQ(std::string(e.what()), "asyncio: the stream ended after 5 of 10 expected bytes");
    }
    EXPECT_EQ(partial, "hello");
    EXPECT_EQ(expected, 10u);
    EXPECT_TRUE(r.at_eof());

    const stream_reader u;
    u.feed_data("no separator");
    u.feed_eof();
    partial.clear();
    try {
        (void)co_await u.readuntil("|");
    } catch (const asyncio::incomplete_read_error& e) {
        partial = e.partial();
        EXPECT_EQ(e.expected(), 0u);
    }
    EXPECT_EQ(partial, "no separator");

    const stream_reader l;
    l.feed_data("the last line");
    l.feed_eof();
    const std::string line = co_await l.readline();
    EXPECT_EQ(line, "the last line");
}

TEST(stream_reader, gives_what_there_was_when_the_end_comes_too_early) {
    asyncio::run(read_too_much());
}

template <class... Separators>
coroutine<std::string> first_of(std::string data, Separators... separators) {
    const stream_reader r;
    for (const char c : data) r.feed_data({&c, 1});
    co_return co_await r.readuntil(separators...);
}

coroutine<> find_separators() {
    std::string s = co_await first_of("ABCDEFG", "DEF", "D");
    EXPECT_EQ(s, "ABCD");
    s = co_await first_of("ABCDEFG", "D", std::string("DEF"));
    EXPECT_EQ(s, "ABCD");
    s = co_await first_of("ABCDEFG", "X", "F", "BCDE");
    EXPECT_EQ(s, "ABCDE");
    s = co_await first_of("a\r\rb\r\n", "\r\n");
    EXPECT_EQ(s, "a\r\rb\r\n");
    const std::string e = co_await error_of(first_of("a", ""));
    EXPECT_EQ(e, "asyncio: readuntil: a separator is empty");
}

TEST(stream_reader, takes_the_separator_that_ends_first) { asyncio::run(find_separators()); }

coroutine<> find_a_split_separator() {
    const stream_reader r;
    auto t = asyncio::create_task(r.readuntil("--\r\n", "=="));
    for (const char* piece : {"ab", "-", "-", "\r", "c--", "\r\nrest"}) {
        EXPECT_FALSE(t.done());
        r.feed_data(piece);
        co_await rounds(2);
    }
    const std::string found = co_await std::move(t);
    EXPECT_EQ(found, "ab--\rc--\r\n");
    r.feed_eof();
    const std::string rest = co_await r.read();
    EXPECT_EQ(rest, "rest");
}

TEST(stream_reader, finds_a_separator_that_arrives_in_pieces) {
    asyncio::run(find_a_split_separator());
}

// ---- the limit ----

coroutine<> go_over_the_limit() {
    const stream_reader r(4);
    r.feed_data("0123456789\nok\n");
    std::size_t consumed = 0;
    std::string text;
    try {
        (void)co_await r.readuntil("\n");
    } catch (const asyncio::limit_overrun_error& e) {
        consumed = e.consumed();
        text = e.what();
    }
    EXPECT_EQ(consumed, 10u);
    EXPECT_NE(text.find("the separator was found beyond the limit of 4 bytes"), text.npos) << text;
    std::string s = co_await r.readexactly(11);
    EXPECT_EQ(s, "0123456789\n") << "nothing is lost";

    r.feed_data("0123456789");
    text = co_await error_of(r.readuntil("|"));
    EXPECT_NE(text.find("no separator was found within the limit of 4 bytes"), text.npos) << text;
    s = co_await r.read(100);
    EXPECT_EQ(s, "ok\n0123456789");
}

TEST(stream_reader, keeps_everything_when_readuntil_meets_the_limit) {
    asyncio::run(go_over_the_limit());
}

coroutine<> drop_a_long_line() {
    const stream_reader r(4);
    r.feed_data("0123456789\nok\n");
    std::string e = co_await error_of(r.readline());
    EXPECT_NE(e.find("readline: the line is longer than the limit of 4 bytes"), e.npos) << e;
    std::string s = co_await r.readline();
    EXPECT_EQ(s, "ok\n");
    r.feed_data("01234");
    e = co_await error_of(r.readline());
    EXPECT_NE(e.find("dropped"), e.npos) << e;
    r.feed_data("56\nnext\n");
    s = co_await r.readline();
    EXPECT_EQ(s, "56\n");
}

TEST(stream_reader, drops_a_line_over_the_limit) { asyncio::run(drop_a_long_line()); }

TEST(stream_reader, refuses_a_limit_of_nothing) {
    EXPECT_THROW(stream_reader(0), std::invalid_argument);
}

// ---- waiting ----

coroutine<> wait_for_data() {
    const stream_reader r;
    auto t = asyncio::create_task(r.readexactly(6));
    co_await rounds(1);
    r.feed_data("abc");
    co_await rounds(2);
    EXPECT_FALSE(t.done());
    r.feed_data("defgh");
    EXPECT_FALSE(t.done()) << "nothing runs inside feed_data";
    std::string s = co_await std::move(t);
    EXPECT_EQ(s, "abcdef");

    auto all = asyncio::create_task(r.read());
    co_await rounds(1);
    r.feed_data("ij");
    r.feed_eof();
    s = co_await std::move(all);
    EXPECT_EQ(s, "ghij");
    const auto feed_too_late = [&r] { r.feed_data("x"); };
    EXPECT_THROW(feed_too_late(), std::runtime_error);
}

TEST(stream_reader, waits_until_there_is_enough) { asyncio::run(wait_for_data()); }

coroutine<> read_twice_at_once() {
    const stream_reader r;
    auto first = asyncio::create_task(r.readexactly(5));
    co_await rounds(1);
    const std::string e = co_await error_of(r.read(1));
    EXPECT_NE(e.find("another task already waits for data"), e.npos) << e;
    r.feed_data("hello");
    const std::string s = co_await std::move(first);
    EXPECT_EQ(s, "hello");
}

TEST(stream_reader, lets_one_task_wait) { asyncio::run(read_twice_at_once()); }

coroutine<> fail_a_stream() {
    const stream_reader r;
    EXPECT_EQ(r.exception(), nullptr);
    auto t = asyncio::create_task(r.readexactly(9));
    co_await rounds(1);
    r.feed_data("kept");
    r.set_exception(std::make_exception_ptr(std::runtime_error("the cable broke")));
    std::string e = co_await error_of(std::move(t));
    EXPECT_EQ(e, "the cable broke");
    EXPECT_NE(r.exception(), nullptr);
    const std::string s = co_await r.read(9);
    EXPECT_EQ(s, "kept");
    e = co_await error_of(r.read(9));
    EXPECT_EQ(e, "the cable broke");
    e = co_await error_of(r.read(9));
    EXPECT_EQ(e, "the cable broke") << "each time";
}

TEST(stream_reader, fails_once_what_had_arrived_is_read) { asyncio::run(fail_a_stream()); }

TEST(stream_reader, names_the_mistake_when_it_was_moved_from) {
    stream_reader r;
    const stream_reader other = std::move(r);
    EXPECT_THROW((void)r.read(), asyncio::invalid_state_error);
    EXPECT_THROW((void)r.at_eof(), asyncio::invalid_state_error);
    EXPECT_FALSE(other.at_eof());
}

// ---- cancel ----

coroutine<> cancel_reads() {
    const stream_reader r;
    auto before = asyncio::create_task(r.read(5));
    before.cancel();
    std::string e = co_await error_of(std::move(before));
    EXPECT_EQ(e, "cancelled") << "before it started";

    auto waiting = asyncio::create_task(r.readexactly(10));
    co_await rounds(1);
    r.feed_data("hello");
    waiting.cancel();
    e = co_await error_of(std::move(waiting));
    EXPECT_EQ(e, "cancelled") << "while it waited";
    r.feed_data("world");
    std::string s = co_await r.readexactly(10);
    EXPECT_EQ(s, "helloworld") << "nothing was consumed";

    auto late = asyncio::create_task(r.read(5));
    co_await rounds(1);
    r.feed_data("value");
    late.cancel();
    e = co_await error_of(std::move(late));
    EXPECT_EQ(e, "cancelled") << "after the data had come, as over a connection";
    s = co_await r.read(5);
    EXPECT_EQ(s, "value") << "the next call gets it";
}

coroutine<> await_line(asyncio::detail::read_line_call& call, std::string& to) {
    to = co_await call;
}

coroutine<> search_again() {
    const stream_reader r;
    auto line = r.readline();
    std::string got;
    auto first = asyncio::create_task(await_line(line, got));
    co_await rounds(1);
    r.feed_data("abc");
    co_await rounds(2);
    first.cancel();
    const std::string e = co_await error_of(std::move(first));
    EXPECT_EQ(e, "cancelled");
    const std::string taken = co_await r.read(3);
    EXPECT_EQ(taken, "abc");
    r.feed_data("x\ny\n");
    got = co_await line;
    EXPECT_EQ(got, "x\n") << "nothing is left of the search before";
}

TEST(stream_reader, searches_anew_when_a_call_is_awaited_again) { asyncio::run(search_again()); }

TEST(stream_reader, loses_nothing_to_a_cancel) { asyncio::run(cancel_reads()); }

coroutine<> time_out() {
    const stream_reader r;
    bool timed_out = false;
    try {
        (void)co_await asyncio::wait_for(r.read(1), 1ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    r.feed_data("x");
    const std::string s = co_await asyncio::wait_for(r.read(1), 1h);
    EXPECT_EQ(s, "x");
    char c = 0;
    r.feed_data("y");
    const std::size_t n = co_await asyncio::wait_for(r.read_into({&c, 1}), 1h);
    EXPECT_EQ(n, 1u);
    EXPECT_EQ(c, 'y');
}

TEST(stream_reader, works_under_a_timeout) { asyncio::run(time_out()); }

TEST(stream_reader, may_be_dropped_while_somebody_waits) {
    auto loop = asyncio::new_event_loop();
    loop->set_exception_handler([](auto&, const auto&) {});
    auto forever = [](stream_reader r) -> coroutine<> { (void)co_await r.read(); };
    loop->create_task(forever, stream_reader());
    loop->call_soon([&loop] { loop->stop(); });
    loop->run_forever();
}

// ---- over a connection ----

coroutine<> read_from_a_connection() {
    auto [a, b] = co_await loopback::connected(100);
    a.writer.write("line 1\nline 2\nthe rest");
    std::string s = co_await b.reader.readline();
    EXPECT_EQ(s, "line 1\n");
    s = co_await b.reader.readline();
    EXPECT_EQ(s, "line 2\n");
    char part[4];
    std::size_t n = co_await b.reader.read_into(part);
    EXPECT_EQ(std::string(part, n), "the ") << "what is left over comes first";
    s = co_await b.reader.read(100);
    EXPECT_EQ(s, "rest");

    auto t = asyncio::create_task(b.reader.read_into(part));
    co_await rounds(2);
    EXPECT_FALSE(t.done());
    a.writer.write("1234567");
    n = co_await std::move(t);
    EXPECT_EQ(std::string(part, n), "1234");
    a.writer.write("8");
    s = co_await b.reader.readexactly(4);
    EXPECT_EQ(s, "5678");

    const std::string big(300'000, 'x');
    a.writer.write(big);
    a.writer.write_eof();
    s = co_await b.reader.readexactly(100'000);
    EXPECT_EQ(s.size(), 100'000u);
    s = co_await b.reader.read();
    EXPECT_EQ(s.size(), 200'000u);
    EXPECT_TRUE(b.reader.at_eof());
}

TEST(stream_reader, reads_from_a_connection) { asyncio::run(read_from_a_connection()); }

/// Reads again and again into a buffer that others read into, too, and uses the bytes at once.
coroutine<> read_into_shared(stream_reader from, std::vector<char>& buffer, std::string& got) {
    for (std::size_t n = 1; n > 0;) {
        n = co_await from.read_into(buffer);
        got.append(buffer.data(), n);
    }
}

coroutine<> share_a_buffer() {
    std::vector<char> buffer(64);
    auto [a1, a2] = co_await loopback::connected();
    auto [b1, b2] = co_await loopback::connected();
    const stream_reader fed;
    std::string a, b, c;
    auto all = asyncio::gather(read_into_shared(a2.reader, buffer, a),
                               read_into_shared(b2.reader, buffer, b),
                               asyncio::wait_for(read_into_shared(fed, buffer, c), 1h));
    for (int i = 0; i < 10; ++i) {
        co_await rounds(i % 3);
        a1.writer.write(std::string(std::size_t(i) + 1, 'a'));
        b1.writer.write(std::string(std::size_t(i) + 1, 'b'));
        fed.feed_data(std::string(std::size_t(i) + 1, 'c'));
    }
    a1.writer.write_eof();
    b1.writer.write_eof();
    fed.feed_eof();
    co_await std::move(all);
    EXPECT_EQ(a, std::string(55, 'a'));
    EXPECT_EQ(b, std::string(55, 'b'));
    EXPECT_EQ(c, std::string(55, 'c'));
}

TEST(stream_reader, reads_into_a_buffer_that_others_use_too) { asyncio::run(share_a_buffer()); }

coroutine<> be_reset() {
    auto [a, b] = co_await loopback::connected();
    a.writer.write("before");
    std::string s = co_await b.reader.readexactly(3);
    EXPECT_EQ(s, "bef");
    a.writer.abort();
    const auto peer = b.writer.peername().to_string();
    std::error_code code;
    std::string text;
    try {
        (void)co_await b.reader.read();
    } catch (const std::system_error& e) {
        code = e.code();
        text = e.what();
    }
    EXPECT_EQ(code, std::errc::connection_reset);
    EXPECT_NE(text.find("reading from " + peer), text.npos) << text;
    s = co_await b.reader.read(100);
    EXPECT_EQ(s, "ore") << "what had arrived is still read";
    const std::string again = co_await error_of(b.reader.read(100));
    EXPECT_EQ(again, text);
}

TEST(stream_reader, tells_who_reset_the_connection) { asyncio::run(be_reset()); }

/// One task that always finds data must not keep the others from running.
coroutine<> read_from_a_flood() {
    auto [a, b] = co_await loopback::connected();
    a.writer.write(std::string(100'000, 'x'));
    bool other_ran = false;
    auto other = [](bool& ran) -> coroutine<> {
        ran = true;
        co_return;
    };
    auto t = asyncio::create_task(other, std::ref(other_ran));
    int reads = 0;
    for (char c = 0; !other_ran && reads < 90'000; ++reads)
        (void)co_await b.reader.read_into({&c, 1});
    EXPECT_TRUE(other_ran);
    EXPECT_LT(reads, 200);
    co_await t;
}

TEST(stream_reader, lets_the_others_run) { asyncio::run(read_from_a_flood()); }

}  // namespace stream_reader_test
