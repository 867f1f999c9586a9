// What tests of connections share: counting descriptors, waiting for something to become true, and
// the text of an error.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "asyncio/asyncio.hpp"

namespace loopback {

/// How many descriptors this process has, but for the rings that loops make when they need them.
inline std::size_t descriptors() {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry, gone);
        if (target != "anon_inode:[io_uring]") ++n;
    }
    return n;
}

/// Lets the loop make `n` rounds.
inline asyncio::coroutine<> rounds(int n) {
    for (int i = 0; i < n; ++i) co_await asyncio::sleep(std::chrono::seconds(0));
}

/// Lets the others run until `holds()`. What happens on another machine's or the kernel's time
/// cannot be counted in rounds.
template <class Condition>
asyncio::coroutine<> until(Condition holds) {
    for (int i = 0; !holds(); ++i) {
        if (i == 20'000) throw std::runtime_error("the condition never became true");
        co_await asyncio::sleep(std::chrono::milliseconds(i < 100 ? 0 : 1));
    }
}

/// What awaiting `a` throws, as text; "cancelled"; or "nothing".
template <class Awaitable>
asyncio::coroutine<std::string> error_of(Awaitable a) {
    std::string text = "nothing";
    try {
        (void)co_await std::move(a);
    } catch (const asyncio::cancelled_error&) {
        text = "cancelled";
    } catch (const std::exception& e) {
        text = e.what();
    }
    co_return text;
}

/// The same for the code of a std::system_error.
template <class Awaitable>
asyncio::coroutine<std::error_code> code_of(Awaitable a) {
    std::error_code code;
    try {
        (void)co_await std::move(a);
    } catch (const std::system_error& e) {
        code = e.code();
    }
    co_return code;
}

/// A handler that sends back what it gets.
inline asyncio::coroutine<> echo(asyncio::stream_reader reader, asyncio::stream_writer writer) {
    char data[4096];
    for (;;) {
        const std::size_t n = co_await reader.read_into(data);
        if (n == 0) co_return;
        writer.write({data, n});
        co_await writer.drain();
    }
}

/// Both ends of a connection, without a server's help.
struct pair {
    pair(asyncio::connection first, asyncio::connection second)
        : a(std::move(first)), b(std::move(second)) {}
    asyncio::connection a;
    asyncio::connection b;
};

inline asyncio::coroutine<pair> connected(
    std::size_t limit = asyncio::stream_reader::default_limit) {
    auto accepted = asyncio::get_running_loop().create_future<asyncio::connection>();
    const auto take = [accepted](asyncio::stream_reader r,
                                 asyncio::stream_writer w) -> asyncio::coroutine<> {
        accepted.set_result(asyncio::connection(std::move(r), std::move(w)));
        co_return;
    };
    asyncio::start_server_options options;
    options.limit = limit;
    const asyncio::server server = co_await asyncio::start_server(take, "127.0.0.1", 0, options);
    asyncio::open_connection_options client;
    client.limit = limit;
    asyncio::connection a = co_await asyncio::open_connection("127.0.0.1", server.port(), client);
    asyncio::connection& b = co_await accepted;
    server.close();
    co_return pair(std::move(a), std::move(b));
}

}  // namespace loopback
