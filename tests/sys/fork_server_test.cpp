#include "sys/fork_server.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "sys/packets.hpp"

namespace fork_server_test {

using asyncio::detail::end_of;
using asyncio::detail::fork_news;
using asyncio::detail::fork_server;

/// Sends its process's number and ends when it is told to.
void say_who_you_are(int socket) noexcept {
    const int pid = ::getpid();
    (void)!::write(socket, &pid, sizeof pid);
    char word = 0;
    if (::read(socket, &word, 1) == 1) ::_exit(word);
}

fork_news next(fork_server& server) {
    pollfd file{server.fileno(), POLLIN, 0};
    EXPECT_EQ(::poll(&file, 1, 10'000), 1);
    return server.receive();
}

TEST(fork_server, starts_workers_and_tells_how_they_end) {
    fork_server server;
    ASSERT_EQ(server.start(&say_who_you_are), 0);
    EXPECT_EQ(server.receive().what, fork_news::kind::nothing);
    ASSERT_TRUE(server.request_worker());
    const fork_news started = next(server);
    ASSERT_EQ(started.what, fork_news::kind::started);
    ASSERT_TRUE(started.socket && started.process);
    int pid = 0;
    ASSERT_EQ(::read(started.socket.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    EXPECT_EQ(pid, started.pid);
    EXPECT_NE(pid, server.pid());

    ASSERT_EQ(::write(started.socket.get(), "\3", 1), 1);
    const fork_news ended = next(server);
    ASSERT_EQ(ended.what, fork_news::kind::ended);
    EXPECT_EQ(ended.pid, pid);
    EXPECT_EQ(end_of(ended.status).exit_code, 3);
    EXPECT_EQ(end_of(ended.status).signal_number, 0);
}

TEST(fork_server, kills_workers_by_their_descriptors) {
    fork_server server;
    ASSERT_EQ(server.start(&say_who_you_are), 0);
    ASSERT_TRUE(server.request_worker());
    const fork_news started = next(server);
    asyncio::detail::kill_process(started.process.get());
    EXPECT_EQ(end_of(next(server).status).signal_number, SIGKILL);
}

TEST(fork_server, takes_its_workers_along_when_it_stops) {
    fork_server server;
    ASSERT_EQ(server.start(&say_who_you_are), 0);
    ASSERT_TRUE(server.request_worker());
    const fork_news started = next(server);
    server.stop();
    EXPECT_EQ(::kill(started.pid, 0), -1);
    server.stop();
}

TEST(fork_server, leaves_a_request_to_end_to_the_program) {
    fork_server server;
    ASSERT_EQ(server.start(&say_who_you_are), 0);
    ASSERT_TRUE(server.request_worker());
    const fork_news started = next(server);
    int pid = 0;
    EXPECT_EQ(::read(started.socket.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    ::kill(server.pid(), SIGTERM);
    ::kill(server.pid(), SIGHUP);
    ::kill(server.pid(), SIGINT);
    ::kill(pid, SIGTERM);
    EXPECT_EQ(end_of(next(server).status).signal_number, SIGTERM);
    ASSERT_TRUE(server.request_worker());
    EXPECT_EQ(next(server).what, fork_news::kind::started);
}

TEST(fork_server, is_over_when_it_was_killed) {
    fork_server server;
    ASSERT_EQ(server.start(&say_who_you_are), 0);
    ::kill(server.pid(), SIGKILL);
    EXPECT_EQ(next(server).what, fork_news::kind::over);
    EXPECT_FALSE(server.request_worker());
}

TEST(fork_server, knows_whether_there_are_other_threads) {
    EXPECT_FALSE(asyncio::detail::has_other_threads());
    for (int i = 0; i < 100; ++i) {
        bool seen = false;
        std::thread([&seen] { seen = asyncio::detail::has_other_threads(); }).join();
        EXPECT_TRUE(seen);
        EXPECT_FALSE(asyncio::detail::has_other_threads());  // at once
    }
    EXPECT_EQ(asyncio::detail::own_process(), ::getpid());
}

TEST(fork_server, names_signals) {
    EXPECT_EQ(asyncio::detail::signal_name(SIGKILL), "SIGKILL");
    EXPECT_EQ(asyncio::detail::signal_name(SIGSEGV), "SIGSEGV");
    EXPECT_EQ(asyncio::detail::signal_name(1000), "signal 1000");
}

}  // namespace fork_server_test
