// Boost.Asio's hello world: what it costs to compile.
#include <boost/asio.hpp>
#include <cstdio>

namespace asio = boost::asio;

asio::awaitable<void> hello() {
    std::puts("Hello ...");
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    std::puts("... World!");
}

int main() {
    asio::io_context io;
    asio::co_spawn(io, hello(), asio::detached);
    io.run();
}
