// EXPECT-STDOUT: 32 answers
// EXPECT-STDOUT: every loop has ended
// The programs of docs/faster.md: a buffer for all, loops that share a port, a loop that spins.
#include <array>
#include <asyncio/asyncio.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {

std::atomic<int> served{0};

// ---- many connections ----

asyncio::coroutine<> answer(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    thread_local std::array<char, 16384> buffer;  // one for all connections of this loop
    for (;;) {
        const std::size_t n = co_await reader.read_into(buffer);
        if (n == 0) co_return;
        writer.write({buffer.data(), n});  // before it waits again
        co_await writer.drain();
        ++served;
    }
}

// ---- more cores ----

asyncio::coroutine<> serve(int port) {
    auto server = co_await asyncio::start_server(answer, "127.0.0.1", port, {.reuse_port = true});
    co_await server.serve_forever();
}

asyncio::coroutine<> serve_with_every_core(int port) {
    co_await asyncio::run_in_threads({.threads = 2}, serve, port);
}

// ---- what the page does not show: a client, and a port that is free ----

asyncio::coroutine<> ask_and_stop() {
    asyncio::socket reserved(asyncio::address_family::ipv4);
    reserved.setsockopt(asyncio::socket_option::reuse_port, 1);
    reserved.bind(asyncio::socket_address("127.0.0.1", 0));
    const int port = reserved.getsockname().port();
    const auto servers = asyncio::create_task(serve_with_every_core(port));
    for (bool listening = false; !listening; co_await asyncio::sleep(1ms)) {
        const auto tried =
            co_await asyncio::as_outcome(asyncio::open_connection("127.0.0.1", port));
        listening = tried.has_value();
    }
    for (int i = 0; i < 32; ++i) {
        auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
        writer.write("hello\n");
        (void)co_await reader.readline();
    }
    while (served < 32) co_await asyncio::sleep(1ms);
    std::printf("%d answers\n", served.load());
    servers.cancel();
    const auto ended = co_await asyncio::as_outcome(servers);
    if (ended.cancelled()) std::puts("every loop has ended");
}

}  // namespace

int main() {
    const asyncio::run_options options{.loop = {.spin = 50us}};
    asyncio::run(ask_and_stop(), options);
}
