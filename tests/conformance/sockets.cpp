// Bare sockets driven by the loop, and what a cancel leaves behind: nothing.
#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static asyncio::socket listening() {
    asyncio::socket s(address_family::ipv4);
    s.bind(socket_address("127.0.0.1", 0));
    s.listen();
    return s;
}

SCENARIO(S164_send_and_receive) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto [a, b] = asyncio::socket::pair();
        const asyncio::socket& receiver = a;

        auto receive = [&]() -> coroutine<std::string> {
            co_return in_quotes(co_await loop.sock_recv(receiver, 100));
        };

        auto t = create_task(receive());
        co_await settle();
        say("nothing sent:", state(t));
        co_await loop.sock_sendall(b, "hello");
        say("received", co_await t);
        b.close();
        say("at the end", co_await receive());
    };

    run(main());
}

SCENARIO(S164_connect_and_accept) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        asyncio::socket server = listening();
        asyncio::socket client(address_family::ipv4);

        auto accept = [&]() -> coroutine<asyncio::socket> {
            auto accepted = co_await loop.sock_accept(server);
            co_return std::move(accepted.connection);
        };

        auto t = create_task(accept());
        co_await loop.sock_connect(client, server.getsockname());
        const asyncio::socket connection = co_await std::move(t);
        co_await loop.sock_sendall(client, "hello");
        say("received", in_quotes(co_await loop.sock_recv(connection, 100)));
    };

    run(main());
}

SCENARIO(S164_a_cancelled_receive_removes_the_watch) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto [a, b] = asyncio::socket::pair();
        const asyncio::socket& receiver = a;

        auto receive = [&]() -> coroutine<std::string> {
            co_return in_quotes(co_await loop.sock_recv(receiver, 100));
        };

        auto t = create_task(receive());
        co_await settle();
        t.cancel();
        say("cancelled:", co_await outcome_of(t));
        co_await turns(1);
        say("still watched", loop.remove_reader(a.fileno()));
        co_await loop.sock_sendall(b, "hello");
        say("nothing is lost:", co_await receive());
    };

    run(main());
}

SCENARIO(S164_a_cancelled_accept_removes_the_watch) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        asyncio::socket server = listening();

        auto accept = [&]() -> coroutine<> { co_await loop.sock_accept(server); };

        auto t = create_task(accept());
        co_await settle();
        t.cancel();
        say("cancelled:", co_await outcome_of(t));
        co_await turns(1);
        say("still watched", loop.remove_reader(server.fileno()));
    };

    run(main());
}

SCENARIO(S164_connection_refused) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        asyncio::socket nobody = listening();
        const socket_address address = nobody.getsockname();
        nobody.close();
        asyncio::socket client(address_family::ipv4);

        auto connect = [&]() -> coroutine<> { co_await loop.sock_connect(client, address); };

        auto connect_stream = [&]() -> coroutine<> {
            co_await open_connection("127.0.0.1", address.port());
        };

        say("sock_connect:", co_await outcome_of(connect()));
        say("open_connection:", co_await outcome_of(connect_stream()));
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
