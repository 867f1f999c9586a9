// A server for load generators: bench_server PORT MODE BUF BACKEND
// MODE: echo | http | timeout (a wait_for of 5 s around every read); BUF: the size of a read;
// BACKEND: epoll | io_uring; not said: what ASYNCIO_BACKEND says.
#include <asyncio/asyncio.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::stream_reader;
using asyncio::stream_writer;

namespace {

std::size_t read_size = 16384;

coroutine<> echo(stream_reader reader, stream_writer writer) {
    std::vector<char> buffer(read_size);
    for (std::size_t n = 1; n > 0;) {
        n = co_await reader.read_into(buffer);
        writer.write({buffer.data(), n});
        co_await writer.drain();
    }
}

coroutine<> echo_with_timeout(stream_reader reader, stream_writer writer) {
    std::vector<char> buffer(read_size);
    for (std::size_t n = 1; n > 0;) {
        n = co_await asyncio::wait_for(reader.read_into(buffer), 5s);
        writer.write({buffer.data(), n});
        co_await writer.drain();
    }
}

coroutine<> http(stream_reader reader, stream_writer writer) {
    constexpr std::string_view response =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
    std::vector<char> buffer(read_size);
    for (;;) {
        const std::size_t n = co_await reader.read_into(buffer);
        if (n == 0) break;
        writer.write(response);
        co_await writer.drain();
    }
}

using handler = coroutine<> (*)(stream_reader, stream_writer);

/// Peers of a load generator reset their connections when they are done: that is no news.
coroutine<> quietly(handler handle, stream_reader reader, stream_writer writer) {
    try {
        co_await handle(std::move(reader), std::move(writer));
    } catch (const std::exception&) {
        co_return;
    }
}

coroutine<> serve(int port, handler handle) {
    const auto per_connection = [handle](stream_reader reader, stream_writer writer) {
        return quietly(handle, std::move(reader), std::move(writer));
    };
    auto server =
        co_await asyncio::start_server(per_connection, "127.0.0.1", port, {.backlog = 4096});
    co_await server.serve_forever();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s PORT echo|http|timeout [READ_SIZE [epoll|io_uring]]\n",
                     argv[0]);
        return 2;
    }
    const std::string_view mode = argv[2];
    const std::string_view backend = argc > 4 ? argv[4] : "automatic";
    if (argc > 3) read_size = std::strtoul(argv[3], nullptr, 10);
    asyncio::run_options options;
    if (backend == "io_uring") options.loop.backend = asyncio::backend_choice::io_uring;
    if (backend == "epoll") options.loop.backend = asyncio::backend_choice::epoll;
    const handler handle = mode == "http" ? &http : mode == "timeout" ? &echo_with_timeout : &echo;
    asyncio::run(serve(std::atoi(argv[1]), handle), options);
}
