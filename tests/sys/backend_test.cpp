// The outside, as epoll and io_uring give it: the clock, waiting, waking, descriptors, sockets.
#include "asyncio/sys/backend.hpp"
#include "support/descriptor_limit.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace backend_test {

using namespace asyncio;
using namespace asyncio::detail;
using namespace std::chrono_literals;

struct source final : io_source {
    using io_source::io_source;
    void on_ready(unsigned events) noexcept override { log.push_back(events); }
    std::vector<unsigned> log;
};

std::unique_ptr<backend> make(std::string_view name) {
    return name == "epoll" ? make_epoll_backend() : make_uring_backend();
}

class backend_test : public ::testing::TestWithParam<const char*> {
   protected:
    ~backend_test() override {
        for (const int fd : owned_) ::close(fd);
    }
    void SetUp() override {
        if (b_->name() != GetParam()) GTEST_SKIP() << b_->name();
    }
    int own(int fd) {
        EXPECT_GE(fd, 0);
        owned_.push_back(fd);
        return fd;
    }
    /// Two connected sockets of the backend.
    void pair(int (&fds)[2]) {
        ASSERT_TRUE(b_->open_pair(socket_type::stream, fds).ok());
        own(fds[0]);
        own(fds[1]);
    }
    std::unique_ptr<backend> b_ = make(GetParam());

   private:
    std::vector<int> owned_;
};

TEST_P(backend_test, its_clock_is_the_systems) {
    const time_point before = clock::now();
    const time_point now = b_->now();
    EXPECT_LE(before, now);
    EXPECT_LE(now, time_point(clock::now()));
    EXPECT_EQ(b_->name(), GetParam());
}

TEST_P(backend_test, random_numbers_differ) {
    const std::uint64_t a = b_->random();
    EXPECT_NE(a, b_->random());
    EXPECT_NE(make(GetParam())->random(), make(GetParam())->random());
    EXPECT_FALSE(b_->picks());
    EXPECT_EQ(b_->pick(2), 0u);
}

TEST_P(backend_test, poll_waits_no_longer_than_it_may_and_no_shorter) {
    time_point start = b_->now();
    b_->poll(0s);
    b_->poll(-1s);
    EXPECT_LT(b_->now() - start, 1s);
    start = b_->now();
    int polls = 0;
    for (; b_->now() - start < 1500us; ++polls) b_->poll(1500us);
    EXPECT_LE(polls, 5) << "a signal, or the end of another ring, may interrupt it";
}

TEST_P(backend_test, wake_ends_a_poll_that_waits_or_the_next_one) {
    b_->wake();
    b_->wake();
    b_->poll(delay::forever());
    std::thread other([&] { b_->wake(); });
    b_->poll(delay::forever());
    other.join();
    errno = 77;
    b_->wake();
    EXPECT_EQ(errno, 77);  // it may run in a signal handler
}

TEST_P(backend_test, fileno_is_readable_when_there_is_something_to_do) {
    const auto readable = [&](int ms) {
        pollfd p{b_->fileno(), POLLIN, 0};
        return ::poll(&p, 1, ms) == 1;
    };
    b_->poll(0s);
    EXPECT_FALSE(readable(0));
    b_->wake();
    EXPECT_TRUE(readable(0));
    b_->poll(0s);
    EXPECT_FALSE(readable(0));
    b_->arm_fileno(b_->now() + 1ms);
    EXPECT_TRUE(readable(5000));
    b_->poll(0s);
    EXPECT_FALSE(readable(0));
    b_->arm_fileno(time_point(0ns));  // long ago
    EXPECT_TRUE(readable(5000));
    b_->arm_fileno(time_point::max());
    b_->poll(0s);
    EXPECT_FALSE(readable(0));
}

// Descriptors of others are level triggered.
TEST_P(backend_test, watch_tells_as_long_as_it_is_so) {
    source s(own(::eventfd(1, EFD_NONBLOCK)));
    EXPECT_EQ(b_->watch(s, io_read), 0);
    b_->poll(0s);
    b_->poll(0s);
    EXPECT_EQ(s.log, (std::vector<unsigned>{io_read, io_read}));
    EXPECT_EQ(b_->watch(s, io_read | io_write), 0);
    b_->poll(0s);
    EXPECT_EQ(s.log.back(), unsigned{io_read | io_write});
    EXPECT_EQ(b_->watch(s, io_write), 0);
    b_->poll(0s);
    EXPECT_EQ(s.log.back(), unsigned{io_write});
    s.log.clear();
    EXPECT_EQ(b_->watch(s, 0), 0);
    b_->poll(0s);
    EXPECT_TRUE(s.log.empty());
}

TEST_P(backend_test, watch_says_why_not) {
    source closed(own(::eventfd(0, 0)));
    const int number = closed.fd;
    ::close(number);
    EXPECT_EQ(b_->watch(closed, io_read), EBADF);
    own(::open("/dev/null", O_RDONLY));  // takes the number again
    std::FILE* file = std::tmpfile();
    source regular(::fileno(file));
    EXPECT_EQ(b_->watch(regular, io_read), EPERM);
    std::fclose(file);
    source one(own(::eventfd(0, EFD_NONBLOCK)));
    source two(one.fd);
    EXPECT_EQ(b_->watch(one, io_read), 0);
    EXPECT_EQ(b_->watch(two, io_read), EEXIST);
    EXPECT_EQ(b_->attach(two), EEXIST);
    EXPECT_EQ(b_->watch(one, 0), 0);
}

// Own sockets are edge triggered, and tried first: a hint tells that a call would wait.
TEST_P(backend_test, attach_tells_once_per_change) {
    int fds[2];
    pair(fds);
    source s(fds[0]);
    EXPECT_EQ(b_->attach(s), 0);
    b_->poll(0s);
    s.log.clear();
    char data[8];
    EXPECT_TRUE(b_->recv(s, data, sizeof data).would_block());
    EXPECT_FALSE(s.readable);
    source far(fds[1]);
    const const_chunk chunk{"abc", 3};
    EXPECT_EQ(b_->send(far, {&chunk, 1}).value, 3);
    b_->poll(0s);
    ASSERT_EQ(s.log.size(), 1u);
    EXPECT_NE(s.log[0] & io_read, 0u);
    EXPECT_TRUE(s.readable);
    s.log.clear();
    b_->poll(0s);
    EXPECT_TRUE(s.log.empty());
    EXPECT_EQ(b_->recv(s, data, 2).value, 2);
    EXPECT_TRUE(s.readable);  // all that was asked for: there may be more
    EXPECT_EQ(b_->recv(s, data, sizeof data).value, 1);
    EXPECT_FALSE(s.readable);  // less than asked for: drained
    b_->detach(s);
    b_->detach(s);
}

TEST_P(backend_test, send_joins_chunks_and_stops_when_it_is_full) {
    int fds[2];
    pair(fds);
    source from(fds[0]);
    source to(fds[1]);
    const const_chunk chunks[] = {{"abc", 3}, {"", 0}, {"de", 2}};
    EXPECT_EQ(b_->send(from, chunks).value, 5);
    char data[8];
    EXPECT_EQ(b_->recv(to, data, sizeof data).value, 5);
    EXPECT_EQ(std::string_view(data, 5), "abcde");
    const std::vector<char> much(1 << 20);
    const const_chunk all{much.data(), much.size()};
    sys_result r{};
    while ((r = b_->send(from, {&all, 1})).ok()) {
    }
    EXPECT_TRUE(r.would_block());
    EXPECT_FALSE(from.writable);
}

TEST_P(backend_test, the_end_and_a_broken_connection) {
    int fds[2];
    pair(fds);
    source near(fds[0]);
    EXPECT_EQ(b_->attach(near), 0);
    b_->poll(0s);
    EXPECT_TRUE(b_->shutdown(fds[1], false, true).ok());
    b_->poll(0s);
    EXPECT_TRUE(near.hung_up);
    char data[8];
    const sys_result end = b_->recv(near, data, sizeof data);
    EXPECT_TRUE(end.ok());
    EXPECT_EQ(end.value, 0);
    EXPECT_TRUE(b_->shutdown(fds[1], true, true).ok());
    const const_chunk chunk{"x", 1};
    EXPECT_EQ(b_->send(near, {&chunk, 1}).error, EPIPE);  // and no SIGPIPE
    b_->detach(near);
}

TEST_P(backend_test, tcp_from_listen_to_accept) {
    raw_address any;
    ASSERT_TRUE(parse_ip("127.0.0.1", 0, any));
    const int listener =
        own(static_cast<int>(b_->open_socket(address_family::ipv4, socket_type::stream).value));
    EXPECT_TRUE(b_->set_option(listener, socket_option::reuse_address, 1).ok());
    EXPECT_NE(b_->get_option(listener, socket_option::reuse_address).value, 0);
    ASSERT_TRUE(b_->bind(listener, any).ok());
    ASSERT_TRUE(b_->listen(listener, 10).ok());
    raw_address bound;
    ASSERT_TRUE(b_->local_address(listener, bound).ok());
    EXPECT_NE(port_of(bound), 0);

    source server(listener);
    raw_address peer;
    EXPECT_TRUE(b_->accept(server, peer).would_block());
    EXPECT_FALSE(server.readable);
    source client(
        own(static_cast<int>(b_->open_socket(address_family::ipv4, socket_type::stream).value)));
    const sys_result started = b_->connect(client, bound);
    EXPECT_TRUE(started.ok() || started.error == EINPROGRESS);
    sys_result accepted{-1, EAGAIN};
    while (accepted.would_block()) accepted = b_->accept(server, peer);
    const int connection = own(static_cast<int>(accepted.value));
    EXPECT_TRUE(b_->connect_result(client).ok());
    raw_address there;
    EXPECT_TRUE(b_->peer_address(connection, there).ok());
    EXPECT_EQ(port_of(there), port_of(peer));
    EXPECT_EQ(ip_of(there), "127.0.0.1");
}

TEST_P(backend_test, datagrams) {
    raw_address any;
    ASSERT_TRUE(parse_ip("127.0.0.1", 0, any));
    source a(
        own(static_cast<int>(b_->open_socket(address_family::ipv4, socket_type::datagram).value)));
    source b(
        own(static_cast<int>(b_->open_socket(address_family::ipv4, socket_type::datagram).value)));
    ASSERT_TRUE(b_->bind(a.fd, any).ok());
    ASSERT_TRUE(b_->bind(b.fd, any).ok());
    raw_address at;
    raw_address from;
    ASSERT_TRUE(b_->local_address(b.fd, at).ok());
    EXPECT_EQ(b_->send_to(a, "hello", 5, at).value, 5);
    char data[8];
    EXPECT_EQ(b_->recv_from(b, data, sizeof data, from).value, 5);
    EXPECT_EQ(ip_of(from), "127.0.0.1");
    EXPECT_TRUE(b_->recv_from(b, data, sizeof data, from).would_block());
    EXPECT_FALSE(b.readable);
}

TEST_P(backend_test, results_of_calls_that_fail) {
    source bad(-1);
    char data[1];
    raw_address address;
    EXPECT_EQ(b_->recv(bad, data, 1).error, EBADF);
    EXPECT_EQ(b_->connect(bad, address).error, EBADF);
    EXPECT_EQ(b_->connect_result(bad).error, EBADF);
    EXPECT_EQ(b_->accept(bad, address).error, EBADF);
    EXPECT_EQ(b_->bind(-1, address).error, EBADF);
    EXPECT_EQ(b_->listen(-1, 1).error, EBADF);
    EXPECT_EQ(b_->shutdown(-1, true, false).error, EBADF);
    EXPECT_FALSE(b_->local_address(-1, address).ok());
    EXPECT_EQ(address.size, 0u);
    EXPECT_FALSE(b_->get_option(-1, socket_option::no_delay).ok());
    EXPECT_FALSE(b_->set_option(-1, socket_option::no_delay, 1).ok());
    EXPECT_EQ(b_->attach(bad), EBADF);
}

TEST_P(backend_test, abort_and_close_give_the_descriptor_back) {
    int fds[2];
    ASSERT_TRUE(b_->open_pair(socket_type::stream, fds).ok());
    b_->abort(fds[0]);
    b_->close(fds[1]);
    EXPECT_EQ(::fcntl(fds[0], F_GETFD), -1);
    EXPECT_EQ(::fcntl(fds[1], F_GETFD), -1);
}

INSTANTIATE_TEST_SUITE_P(both, backend_test, ::testing::Values("epoll", "io_uring"),
                         [](const auto& test) { return std::string(test.param); });

TEST(make_epoll_backend, says_why_it_was_chosen) {
    EXPECT_EQ(make_epoll_backend("asked for")->name(), "epoll (asked for)");
}

TEST(make_a_backend, throws_when_there_are_no_descriptors) {
    // Each number of descriptors that may be left fails at another place.
    for (int left = 0; left < 6; ++left) {
        const int next = ::dup(0);
        ::close(next);
        const support::descriptor_limit few(static_cast<rlim_t>(next + left / 2));
        try {
            (void)make(left % 2 == 0 ? "epoll" : "io_uring");
            ADD_FAILURE();
        } catch (const std::system_error& e) {
            EXPECT_EQ(e.code().value(), EMFILE);
            EXPECT_EQ(std::string_view(e.what()).substr(0, 9), "asyncio: ");
        }
    }
}

}  // namespace backend_test
