// What docs/servers.md says, as a program: it is its own client, and sends itself the signal.
//
// EXPECT-STDOUT: 5!
// EXPECT-STDOUT: the silent client was sent away
// EXPECT-STDOUT: no new connections; 2 are open
// EXPECT-STDOUT: 7!
// EXPECT-STDOUT: 1 took too long
// EXPECT-STDOUT: every connection has ended
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;

namespace {

/// What all connections share.
struct service {
    int open = 0;
    asyncio::semaphore workers{4};  // so many requests are answered at once
    asyncio::event started;
    int port = 0;
};

asyncio::coroutine<std::string> answer(std::shared_ptr<service> s, std::string request) {
    const auto worker = co_await s->workers.scoped_acquire();
    co_await asyncio::sleep(request == "slow" ? 10s : 30ms);
    co_return request + "!\n";
}

// ---- a client that cannot make it hang ----

asyncio::coroutine<> converse(std::shared_ptr<service> s, asyncio::stream_reader reader,
                              asyncio::stream_writer writer) {
    for (;;) {
        std::string request = co_await asyncio::wait_for(reader.readline(), 100ms);
        if (request.empty()) co_return;  // the client has closed
        request.pop_back();              // the newline
        writer.write(co_await answer(s, request));
        co_await asyncio::wait_for(writer.drain(), 100ms);
    }
}

asyncio::coroutine<> serve_client(std::shared_ptr<service> s, asyncio::stream_reader reader,
                                  asyncio::stream_writer writer) {
    ++s->open;
    try {
        co_await converse(s, reader, writer);
    } catch (const asyncio::timeout_error&) {
        writer.abort();  // it sends nothing, or takes nothing
    } catch (const std::system_error&) {
        // it is gone
    }
    --s->open;
}

// ---- an orderly end ----

asyncio::coroutine<> until_asked_to_stop() {
    asyncio::event asked;
    auto& loop = asyncio::get_running_loop();
    for (const int signal : {SIGINT, SIGTERM})
        loop.add_signal_handler(signal, [&asked] { asked.set(); });
    const auto how = co_await asyncio::as_outcome(asked.wait());
    for (const int signal : {SIGINT, SIGTERM}) loop.remove_signal_handler(signal);
    how.value();  // throws if it was cancelled instead
}

asyncio::coroutine<> serve(std::shared_ptr<service> s) {
    const auto handle = [s](asyncio::stream_reader reader, asyncio::stream_writer writer) {
        return serve_client(s, std::move(reader), std::move(writer));
    };
    const auto server = co_await asyncio::start_server(handle, "127.0.0.1", s->port);
    s->port = server.port();
    s->started.set();

    co_await until_asked_to_stop();
    server.close();
    std::printf("no new connections; %d are open\n", s->open);
    const auto ended = co_await asyncio::as_outcome(asyncio::wait_for(server.wait_closed(), 80ms));
    if (!ended.has_value()) {  // too late, or cancelled
        std::printf("%d took too long\n", s->open);
        server.abort_clients();
        co_await server.wait_closed();
    }
    std::puts("every connection has ended");
}

// ---- what the page does not show: clients ----

asyncio::coroutine<> ask(int port, std::string request) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write(request + "\n");
    const auto answered = co_await asyncio::as_outcome(reader.readline());
    if (answered.has_value()) std::printf("%s", answered.value().c_str());
}

asyncio::coroutine<> be_silent(int port) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    const auto answered = co_await asyncio::as_outcome(reader.read(1));
    if (!answered.has_value()) std::puts("the silent client was sent away");
}

asyncio::coroutine<> async_main() {
    const auto s = std::make_shared<service>();
    const auto serving = asyncio::create_task(serve(s));
    co_await s->started.wait();
    co_await ask(s->port, "5");
    co_await be_silent(s->port);
    const auto slow = asyncio::create_task(ask(s->port, "slow"));
    const auto quick = asyncio::create_task(ask(s->port, "7"));
    while (s->open < 2) co_await asyncio::sleep(1ms);
    std::raise(SIGTERM);
    co_await serving;
    co_await asyncio::gather(slow, quick);
}

}  // namespace

int main(int argc, char** argv) { return asyncio::run_main(argc, argv, async_main); }
