// A server for load generators: bench_server PORT MODE BUF BACKEND SPIN LOOPS
// MODE: echo | http | timeout (a wait_for of 5 s around every read) | work (each echo computes for
// 20 us); BUF: the size of a read;
// BACKEND: epoll | io_uring | automatic; SPIN: microseconds before it sleeps; LOOPS: in as many
// threads.
#include <asyncio/asyncio.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::stream_reader;
using asyncio::stream_writer;

namespace {

std::size_t read_size = 16384;

/// Every answer is sent before its task waits again, so the connections of a thread share a buffer.
std::span<char> shared_buffer() {
    thread_local std::vector<char> buffer(read_size);
    return buffer;
}

// Peers of a load generator reset their connections when they are done: that is no news.

coroutine<> echo(stream_reader reader, stream_writer writer) {
    try {
        const std::span<char> buffer = shared_buffer();
        for (std::size_t n = 1; n > 0;) {
            n = co_await reader.read_into(buffer);
            writer.write({buffer.data(), n});
            co_await writer.drain();
        }
    } catch (const std::system_error&) {
    }
}

coroutine<> echo_with_timeout(stream_reader reader, stream_writer writer) {
    try {
        const std::span<char> buffer = shared_buffer();
        for (std::size_t n = 1; n > 0;) {
            n = co_await asyncio::wait_for(reader.read_into(buffer), 5s);
            writer.write({buffer.data(), n});
            co_await writer.drain();
        }
    } catch (const std::system_error&) {
    } catch (const asyncio::timeout_error&) {
    }
}

/// About 20 us of work.
std::uint64_t compute(std::uint64_t x) {
    for (int i = 0; i < 10'000; ++i) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

coroutine<> work(stream_reader reader, stream_writer writer) {
    try {
        const std::span<char> buffer = shared_buffer();
        for (std::size_t n = 1; n > 0;) {
            n = co_await reader.read_into(buffer);
            buffer[0] = static_cast<char>(compute(n + 1));
            writer.write({buffer.data(), n});
            co_await writer.drain();
        }
    } catch (const std::system_error&) {
    }
}

coroutine<> http(stream_reader reader, stream_writer writer) {
    constexpr std::string_view response =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
    try {
        const std::span<char> buffer = shared_buffer();
        for (;;) {
            const std::size_t n = co_await reader.read_into(buffer);
            if (n == 0) break;
            writer.write(response);
            co_await writer.drain();
        }
    } catch (const std::system_error&) {
    }
}

using handler = coroutine<> (*)(stream_reader, stream_writer);

coroutine<> serve(int port, handler handle, bool shared) {
    auto server = co_await asyncio::start_server(handle, "127.0.0.1", port,
                                                 {.backlog = 4096, .reuse_port = shared});
    co_await server.serve_forever();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr,
                     "usage: %s PORT echo|http|timeout|work "
                     "[READ_SIZE [epoll|io_uring [SPIN_MICROSECONDS [LOOPS]]]]\n",
                     argv[0]);
        return 2;
    }
    const auto argument = [&](int i, int otherwise) {
        return argc > i ? std::atoi(argv[i]) : otherwise;
    };
    const std::string_view mode = argv[2];
    const std::string_view backend = argc > 4 ? argv[4] : "automatic";
    read_size = static_cast<std::size_t>(argument(3, 16384));
    asyncio::run_options options;
    if (backend == "io_uring") options.loop.backend = asyncio::backend_choice::io_uring;
    if (backend == "epoll") options.loop.backend = asyncio::backend_choice::epoll;
    options.loop.spin = std::chrono::microseconds(argument(5, 0));
    const int port = argument(1, 0);
    const int loops = argument(6, 1);
    const handler handle = mode == "http"      ? &http
                           : mode == "timeout" ? &echo_with_timeout
                           : mode == "work"    ? &work
                                               : &echo;
    std::vector<std::thread> others;
    for (int i = 1; i < loops; ++i)
        others.emplace_back([=] {
            asyncio::run_options quiet = options;
            quiet.handle_signals = false;
            asyncio::run(serve(port, handle, true), quiet);
        });
    asyncio::run(serve(port, handle, loops > 1), options);
}
