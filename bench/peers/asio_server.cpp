// Boost.Asio's server: bench_asio_server PORT echo|http|timeout READ_SIZE
#include <boost/asio.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <cstdio>
#include <string_view>
#include <vector>

#include "server_main.hpp"

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);
std::size_t read_size = 16384;

awaitable<void> answer(tcp::socket socket, bool http) {
    std::vector<char> buffer(read_size);
    for (;;) {
        const auto [failed, n] = co_await socket.async_read_some(asio::buffer(buffer), as_tuple);
        if (failed) co_return;
        const auto out = http ? asio::const_buffer(http_answer.data(), http_answer.size())
                              : asio::const_buffer(buffer.data(), n);
        const auto [not_sent, sent] =
            co_await asio::async_write(socket, asio::buffer(out), as_tuple);
        if (not_sent) co_return;
    }
}

awaitable<void> echo_with_timeout(tcp::socket socket) {
    std::vector<char> buffer(read_size);
    asio::steady_timer limit(socket.get_executor());
    for (;;) {
        limit.expires_after(std::chrono::seconds(5));
        const auto first = co_await (socket.async_read_some(asio::buffer(buffer), as_tuple) ||
                                     limit.async_wait(as_tuple));
        if (first.index() != 0) co_return;
        const auto [failed, n] = std::get<0>(first);
        if (failed) co_return;
        const auto [not_sent, sent] =
            co_await asio::async_write(socket, asio::buffer(buffer.data(), n), as_tuple);
        if (not_sent) co_return;
    }
}

awaitable<void> accept(tcp::acceptor& listener, std::string_view mode) {
    for (;;) {
        auto [failed, socket] = co_await listener.async_accept(as_tuple);
        if (failed) continue;
        socket.set_option(tcp::no_delay(true));
        const auto where = listener.get_executor();
        if (mode == "timeout")
            co_spawn(where, echo_with_timeout(std::move(socket)), asio::detached);
        else
            co_spawn(where, answer(std::move(socket), mode == "http"), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (!check_server_arguments(argc, argv)) return 2;
    read_size = std::strtoul(argv[3], nullptr, 10);
    asio::io_context io(1);
    const auto port = static_cast<asio::ip::port_type>(std::atoi(argv[1]));
    tcp::acceptor listener(io, tcp::endpoint(asio::ip::address_v4::loopback(), port));
    listener.listen(4096);
    co_spawn(io, accept(listener, argv[2]), asio::detached);
    io.run();
}
