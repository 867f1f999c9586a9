// A storm of cancels and closes over real connections, on both backends: nothing crashes, no
// descriptor leaks, and no byte ever arrives at another connection than the one it was sent on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace storm_test {

using asyncio::backend_choice;
using asyncio::coroutine;
using loopback::echo;

/// How many cancels and closes; more in a build that is made to be fast.
int strength() {
    if (const char* asked = std::getenv("ASYNCIO_STORM")) return std::atoi(asked);
#ifdef NDEBUG
    return 100'000;
#else
    return 10'000;
#endif
}

struct weather {
    explicit weather(unsigned s) : seed(s), random(s) {}
    unsigned next(unsigned below) { return static_cast<unsigned>(random() % below); }
    const unsigned seed;
    std::mt19937 random;
    int port = 0;
    std::string path;
    int events = 0;     ///< cancels and closes
    int exchanges = 0;  ///< answers that were right
    unsigned nonce = 0;
};

coroutine<asyncio::connection> open(weather& w) {
    if (w.next(8) == 0) co_return co_await asyncio::open_connection("127.0.0.1", w.port);
    co_return co_await asyncio::open_unix_connection(w.path);
}

/// One connection: questions that nobody else asks, and an end somewhere on the way.
coroutine<> client(weather& w) {
    try {
        auto [reader, writer] = co_await open(w);
        const unsigned questions = w.next(4);
        for (unsigned i = 0; i < questions; ++i) {
            const std::string nonce = std::to_string(++w.nonce) +
                                      std::string(w.next(16) == 0 ? 9000 : w.next(300), '.') + "\n";
            writer.write(nonce);
            const std::string got = co_await reader.readline();
            if (got.empty()) break;
            if (got != nonce) ADD_FAILURE() << got.substr(0, 50) << " for " << nonce.substr(0, 50);
            ++w.exchanges;
        }
        if (w.next(3) == 0) writer.write("an answer that nobody reads\n");
        if (w.next(2) == 0)
            writer.abort();
        else if (w.next(2) == 0)
            writer.close();
    } catch (const std::system_error&) {
        // the other side was faster
    }
    ++w.events;
}

coroutine<> blow(weather& w) {
    std::vector<asyncio::task<>> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(asyncio::create_task(client(w)));
    while (w.events < strength()) {
        for (auto& c : clients) {
            if (c.done()) c = asyncio::create_task(client(w));
            if (w.next(8) != 0) continue;
            c.cancel();
            ++w.events;
        }
        co_await asyncio::sleep(std::chrono::microseconds(w.next(8) == 0 ? w.next(200) : 0));
    }
    for (auto& c : clients) c.cancel();
    for (auto& c : clients) (void)co_await asyncio::as_outcome(std::move(c));
}

coroutine<> storm(weather& w) {
    const std::size_t before = loopback::descriptors();
    asyncio::get_running_loop().set_exception_handler(
        [](asyncio::event_loop&, const asyncio::exception_context& c) {
            // A handler whose client has reset its connection.
            EXPECT_NE(asyncio::detail::describe(c.exception).find("reset"), std::string::npos)
                << asyncio::detail::describe(c.exception);
        });
    asyncio::start_server_options options;
    options.backlog = 1000;
    asyncio::server tcp = co_await asyncio::start_server(echo, "127.0.0.1", 0, options);
    asyncio::start_unix_server_options unix_options;
    unix_options.backlog = 1000;
    asyncio::server local = co_await asyncio::start_unix_server(echo, w.path, unix_options);
    w.port = tcp.port();
    co_await blow(w);
    tcp.close();
    local.close();
    co_await tcp.wait_closed();
    co_await local.wait_closed();
    EXPECT_EQ(loopback::descriptors(), before);
    EXPECT_EQ(asyncio::all_tasks().size(), 1u);
}

class storm_test : public ::testing::TestWithParam<backend_choice> {};

TEST_P(storm_test, mixes_nothing_up) {
    const char* asked = std::getenv("ASYNCIO_STORM_SEED");
    weather w(asked != nullptr ? static_cast<unsigned>(std::strtoul(asked, nullptr, 10))
                               : std::random_device()());
    std::printf("to see it again: ASYNCIO_STORM_SEED=%u\n", w.seed);
    w.path = std::filesystem::temp_directory_path() / ("storm" + std::to_string(::getpid()));
    asyncio::run(storm(w), {.loop = {.backend = GetParam()}});
    EXPECT_GT(w.exchanges, w.events / 20);
    RecordProperty("exchanges", w.exchanges);
}

INSTANTIATE_TEST_SUITE_P(both, storm_test,
                         ::testing::Values(backend_choice::epoll, backend_choice::io_uring),
                         [](const auto& test) {
                             return test.param == backend_choice::epoll ? "epoll" : "io_uring";
                         });

}  // namespace storm_test
