// Streams over loopback TCP: reading up to a point, back-pressure, the end of connections and
// servers.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

/// A server and one client of it, closed at the end.
class served_connection {
   public:
    served_connection(server s, connection c)
        : listening(std::move(s)), reader(std::move(c.reader)), writer(std::move(c.writer)) {}
    served_connection(served_connection&& o) noexcept
        : listening(o.listening),
          reader(o.reader),
          writer(o.writer),
          open_(std::exchange(o.open_, false)) {}
    served_connection& operator=(served_connection&&) = delete;
    ~served_connection() {
        if (!open_) return;
        writer.close();
        listening.close();
    }
    server listening;
    stream_reader reader;
    stream_writer writer;

   private:
    bool open_ = true;
};

template <class Handler>
static coroutine<served_connection> connected(Handler handler, std::size_t limit = 65536) {
    server s = co_await start_server(handler, "127.0.0.1", 0);
    connection c = co_await open_connection("127.0.0.1", s.port(), {.limit = limit});
    co_return served_connection(std::move(s), std::move(c));
}

/// A handler that sends data and closes the connection.
static auto sends(std::string data) {
    return [data](stream_reader, stream_writer writer) -> coroutine<> {
        writer.write(data);
        co_await writer.drain();
        writer.close();
        co_await writer.wait_closed();
    };
}

static coroutine<> echo(stream_reader reader, stream_writer writer) {
    for (;;) {
        const std::string data = co_await reader.read(1000);
        if (data.empty()) break;
        writer.write(data);
        co_await writer.drain();
    }
    writer.close();
}

SCENARIO(S152_reading_up_to_a_point) {
    auto main = []() -> coroutine<> {
        served_connection c = co_await connected(sends("one\ntwo;three\n\nrest of it"));
        say("readline", in_quotes(co_await c.reader.readline()));
        say("readuntil", in_quotes(co_await c.reader.readuntil(";")));
        say("readexactly", in_quotes(co_await c.reader.readexactly(3)));
        say("readline", in_quotes(co_await c.reader.readline()));
        say("readline", in_quotes(co_await c.reader.readline()));
        say("at_eof", c.reader.at_eof());
        say("read(4)", in_quotes(co_await c.reader.read(4)));
        say("read to the end", in_quotes(co_await c.reader.read()));
        say("at_eof", c.reader.at_eof());
        say("read at the end", in_quotes(co_await c.reader.read(10)));
    };

    run(main());
}

SCENARIO(S152_the_end_comes_too_early) {
    auto main = []() -> coroutine<> {
        {
            served_connection c = co_await connected(sends("hello"));
            try {
                co_await c.reader.readexactly(10);
            } catch (const incomplete_read_error& e) {
                say("readexactly: incomplete_read_error, partial", in_quotes(e.partial()),
                    "expected", e.expected());
            }
            say("at_eof", c.reader.at_eof());
        }
        {
            served_connection c = co_await connected(sends("hello"));
            try {
                co_await c.reader.readuntil(";");
            } catch (const incomplete_read_error& e) {
                say("readuntil: incomplete_read_error, partial", in_quotes(e.partial()));
            }
            say("at_eof", c.reader.at_eof());
        }
        {
            served_connection c = co_await connected(sends("hello"));
            say("readline", in_quotes(co_await c.reader.readline()));
            say("readline at the end", in_quotes(co_await c.reader.readline()));
        }
    };

    run(main());
}

SCENARIO(S152_over_the_limit) {
    auto main = []() -> coroutine<> {
        {
            served_connection c = co_await connected(sends("0123456789\nok\n"), 4);
            say("readuntil:", co_await outcome_of(c.reader.readuntil("\n")));
            say("nothing is lost", in_quotes(co_await c.reader.readexactly(11)));
        }
        {
            served_connection c = co_await connected(sends("0123456789\nok\n"), 4);
            say("readline:", co_await outcome_of(c.reader.readline()));
            say("the long line is dropped, the next is", in_quotes(co_await c.reader.readline()));
        }
    };

    run(main());
}

SCENARIO(S153_several_separators) {
    auto main = []() -> coroutine<> {
        auto first_of = [](auto... separators) -> coroutine<std::string> {
            served_connection c = co_await connected(sends("ABCDEFG"));
            co_return in_quotes(co_await c.reader.readuntil(separators...));
        };

        say("DEF or D:", co_await first_of("DEF", "D"));
        say("D or DEF:", co_await first_of("D", "DEF"));
        say("X or F or BCDE:", co_await first_of("X", "F", "BCDE"));
    };

    run(main());
}

SCENARIO(S154_a_second_read_at_once) {
    auto main = []() -> coroutine<> {
        served_connection c = co_await connected(echo);

        auto read = [&]() -> coroutine<std::string> {
            co_return in_quotes(co_await c.reader.readexactly(5));
        };

        auto first = create_task(read());
        co_await settle();
        say("second:", co_await outcome_of(read()));
        c.writer.write("hello");
        say("first:", co_await outcome_of(first));
    };

    run(main());
}

SCENARIO(S152_a_cancelled_read_loses_nothing) {
    auto main = []() -> coroutine<> {
        served_connection c = co_await connected(echo);

        auto read = [&]() -> coroutine<std::string> {
            co_return in_quotes(co_await c.reader.readexactly(10));
        };

        auto t = create_task(read());
        c.writer.write("hello");
        co_await sleep(2ms);
        t.cancel();
        say("cancelled:", co_await outcome_of(t));
        c.writer.write("world");
        say("read again:", co_await outcome_of(read()));
    };

    run(main());
}

SCENARIO(S155_many_drains) {
    auto main = []() -> coroutine<> {
        auto release = get_running_loop().create_future();

        auto slow = [&](stream_reader reader, stream_writer writer) -> coroutine<> {
            co_await release;
            co_await reader.read();
            writer.close();
        };

        served_connection c = co_await connected(slow);

        auto drain = [&]() -> coroutine<std::string> {
            co_await c.writer.drain();
            co_return "drained";
        };

        c.writer.write(std::string(16 << 20, 'x'));
        std::vector<task<std::string>> drains;
        for (int i = 0; i < 3; ++i) drains.push_back(create_task(drain()));
        co_await settle();
        say("nobody reads:", state(drains[0]), state(drains[1]), state(drains[2]));
        release.set_result();
        strings ended;
        for (const auto& t : drains) ended.push_back(co_await t);
        say("somebody reads:", ended[0], ended[1], ended[2]);
    };

    run(main());
}

SCENARIO(S155_drain_after_the_connection_was_lost) {
    auto main = []() -> coroutine<> {
        auto abort = [](stream_reader reader, stream_writer writer) -> coroutine<> {
            co_await reader.read(1);
            writer.abort();
        };

        served_connection c = co_await connected(abort);

        auto tight_loop = [&]() -> coroutine<> {
            for (;;) {
                c.writer.write(std::string(1000, 'x'));
                co_await c.writer.drain();
            }
        };

        say("drain:", co_await outcome_of(tight_loop()));
    };

    run(main());
}

SCENARIO(S156_close_with_unread_data) {
    auto main = []() -> coroutine<> {
        auto closed = get_running_loop().create_future<std::string>();

        auto handler = [&](stream_reader reader, stream_writer writer) -> coroutine<> {
            writer.write("nobody reads this");
            co_await writer.drain();
            co_await outcome_of(reader.read());
            writer.close();
            closed.set_result("server closed");
        };

        served_connection c = co_await connected(handler);
        say("read(1)", in_quotes(co_await c.reader.read(1)));
        c.writer.close();
        say("closing", c.writer.is_closing());
        co_await c.writer.wait_closed();
        say("wait_closed returned");
        say(co_await closed);
    };

    run(main());
}

SCENARIO(S156_the_reader_is_at_its_end_after_close) {
    auto main = []() -> coroutine<> {
        served_connection c = co_await connected(echo);
        c.writer.write("x");
        say("echo", in_quotes(co_await c.reader.read(1)));
        say("at_eof", c.reader.at_eof());
        c.writer.close();
        co_await c.writer.wait_closed();
        say("at_eof", c.reader.at_eof());
        say("read", in_quotes(co_await c.reader.read()));
    };

    run(main());
}

SCENARIO(S156_half_close) {
    auto main = []() -> coroutine<> {
        auto upper = [](stream_reader reader, stream_writer writer) -> coroutine<> {
            std::string data = co_await reader.read();
            for (char& letter : data)
                letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
            writer.write(data);
            writer.close();
        };

        served_connection c = co_await connected(upper);
        say("can_write_eof", c.writer.can_write_eof());
        c.writer.write("hello, ");
        const strings pieces{"half-closed ", "world"};
        c.writer.writelines(pieces);
        c.writer.write_eof();
        say(in_quotes(co_await c.reader.read()));
    };

    run(main());
}

SCENARIO(S157_a_handler_that_fails) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());

        auto bad = [](stream_reader, stream_writer) -> coroutine<> {
            throw boom("handler");
            co_return;
        };

        {
            served_connection c = co_await connected(bad);
            say("client reads", in_quotes(co_await c.reader.read()));
            co_await settle();
        }
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S157_a_cancelled_handler_is_silent) {
    auto main = []() -> coroutine<> {
        const auto seen = reports(get_running_loop());
        auto entered = get_running_loop().create_future();

        auto cancelled = [&](stream_reader, stream_writer) -> coroutine<> {
            entered.set_result();
            current_task().cancel();
            co_await sleep(0s);
        };

        {
            served_connection c = co_await connected(cancelled);
            co_await entered;
            co_await settle();
        }
        say("reported", seen);
    };

    run(main());
}

SCENARIO(S158_wait_closed_of_a_server) {
    auto main = []() -> coroutine<> {
        served_connection c = co_await connected(echo);

        auto wait_closed = [&]() -> coroutine<> { co_await c.listening.wait_closed(); };

        c.writer.write("x");
        say("echo", in_quotes(co_await c.reader.readexactly(1)));
        auto t = create_task(wait_closed());
        co_await settle();
        say("serving", c.listening.is_serving(), "wait_closed:", state(t));
        c.listening.close();
        co_await settle();
        say("serving", c.listening.is_serving(), "one connection left, wait_closed:", state(t));
        c.writer.close();
        co_await c.writer.wait_closed();
        co_await t;
        say("no connection left, wait_closed returned");
        co_await c.listening.wait_closed();
        say("and returns at once now");
    };

    run(main());
}

SCENARIO(S158_close_and_the_last_connection_in_one_turn) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        served_connection c = co_await connected(echo);
        c.writer.write("x");
        say("echo", in_quotes(co_await c.reader.readexactly(1)));
        loop.call_soon([&] { c.listening.close(); });
        loop.call_soon([&] { c.writer.close(); });
        co_await c.listening.wait_closed();
        say("wait_closed returned");
    };

    run(main());
}

SCENARIO(S159_close_clients_lets_the_buffers_flush) {
    auto main = []() -> coroutine<> {
        const std::size_t size = 16 << 20;
        auto written = get_running_loop().create_future();

        auto handler = [&](stream_reader reader, stream_writer writer) -> coroutine<> {
            writer.write(std::string(size, 'x'));
            written.set_result();
            co_await reader.read();
        };

        served_connection c = co_await connected(handler);
        co_await written;
        c.listening.close();
        c.listening.close_clients();
        std::size_t received = 0;
        for (;;) {
            const std::string data = co_await c.reader.read(1 << 20);
            if (data.empty()) break;
            received += data.size();
        }
        say("all received", received == size);
        co_await c.listening.wait_closed();
    };

    run(main());
}

SCENARIO(S159_abort_clients_does_not) {
    auto main = []() -> coroutine<> {
        const std::size_t size = 64 << 20;
        auto written = get_running_loop().create_future();

        auto handler = [&](stream_reader reader, stream_writer writer) -> coroutine<> {
            writer.write(std::string(size, 'x'));
            written.set_result();
            co_await reader.read();
        };

        served_connection c = co_await connected(handler);
        co_await written;
        c.listening.close();
        c.listening.abort_clients();
        std::size_t received = 0;

        auto receive = [&]() -> coroutine<> {
            for (;;) {
                const std::string data = co_await c.reader.read(1 << 20);
                if (data.empty()) break;
                received += data.size();
            }
        };

        co_await outcome_of(receive());
        say("all received", received == size);
        co_await c.listening.wait_closed();
    };

    run(main());
}

SCENARIO(S160_the_socket_file_of_a_unix_server) {
    auto main = []() -> coroutine<> {
        char name[] = "/tmp/conformance-XXXXXX";
        const std::string directory = ::mkdtemp(name);
        const finally cleanup([&] { std::filesystem::remove_all(directory); });
        const std::string path = directory + "/s";

        {
            server s = co_await start_unix_server(echo, path);
            connection c = co_await open_unix_connection(path);
            c.writer.write("hello");
            say("echo", in_quotes(co_await c.reader.readexactly(5)));
            c.writer.close();
            say("open: file exists", std::filesystem::exists(path));
            s.close();
            say("closed: file exists", std::filesystem::exists(path));
        }
        {
            server s = co_await start_unix_server(echo, path);
            std::filesystem::remove(path);
            auto somebody_else = asyncio::socket(address_family::unix_domain);
            somebody_else.bind(socket_address::unix_path(path));
            s.close();
            say("replaced by somebody else: file exists", std::filesystem::exists(path));
        }
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
