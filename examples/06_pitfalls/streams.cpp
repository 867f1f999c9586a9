// Network streams never block: each await lets the others run, so that one thread is a server and
// its three clients at once.
//
// EXPECT-STDOUT: the server said: hello, Ada
// EXPECT-STDOUT: the server said: hello, Grace
// EXPECT-STDOUT: the server said: hello, Barbara
// EXPECT-STDOUT: one thread
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

double seconds_since(asyncio::time_point start) {
    return std::chrono::duration<double>(asyncio::clock::now() - start).count();
}

// Runs as a task of its own for each client. Dropping the writer closes the connection.
asyncio::coroutine<> greet(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    const std::string name = co_await reader.readline();
    co_await asyncio::sleep(100ms);  // a slow greeter
    writer.write("hello, " + name);
    co_await writer.drain();
}

asyncio::coroutine<> ask(int port, std::string name) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write(name + "\n");
    const std::string answer = co_await reader.readline();
    std::printf("  the server said: %s", answer.c_str());
}

asyncio::coroutine<> async_main() {
    const auto start = asyncio::clock::now();
    const auto server = co_await asyncio::start_server(greet, "127.0.0.1", 0);
    const int port = server.port();
    co_await asyncio::gather(ask(port, "Ada"), ask(port, "Grace"), ask(port, "Barbara"));
    std::printf("  one thread, three clients, 0.1 s each: %.2f s\n", seconds_since(start));
}

int main() {
    std::puts("Streams wait without blocking.");
    asyncio::run(async_main());
}
