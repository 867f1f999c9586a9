// EXPECT-STDOUT: 32 answers
// EXPECT-STDOUT: every loop has ended
// The programs of docs/faster.md: loops that share a port, and a loop that spins.
#include <asyncio/asyncio.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {

std::atomic<int> served{0};

asyncio::coroutine<> answer(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    const std::string line = co_await reader.readline();
    writer.write(line);
    co_await writer.drain();
    if (!line.empty()) ++served;
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
