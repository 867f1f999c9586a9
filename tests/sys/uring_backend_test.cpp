// What only the backend over io_uring does: it receives ahead, for streams.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "asyncio/sys/backend.hpp"
#include "support/descriptor_limit.hpp"
#include "sys/uring_ring.hpp"

namespace uring_backend_test {

using namespace asyncio;
using namespace asyncio::detail;
using namespace std::chrono_literals;

constexpr std::size_t buffer_size = uring_ring::buffer_size;

/// One end of a connection, as a stream has it.
struct stream_source final : io_source {
    explicit stream_source(int descriptor) : io_source(descriptor) { ahead = true; }
    void on_ready(unsigned events) noexcept override { log.push_back(events); }
    std::vector<unsigned> log;
};

class uring_backend : public ::testing::Test {
   protected:
    void SetUp() override {
        if (b_->name() != "io_uring") GTEST_SKIP() << b_->name();
    }
    ~uring_backend() override {
        for (stream_source& s : sources_) hang_up(s);
        for (const int fd : far_) ::close(fd);
    }
    /// A stream of the backend; the other end is far(i).
    stream_source& connect() {
        int fds[2];
        EXPECT_TRUE(b_->open_pair(socket_type::stream, fds).ok());
        far_.push_back(fds[1]);
        return sources_.emplace_back(fds[0]);
    }
    [[nodiscard]] int far(std::size_t i = 0) const { return far_[i]; }
    void hang_up(stream_source& s) {
        if (s.fd < 0) return;
        b_->detach(s);
        b_->close(std::exchange(s.fd, -1));
    }
    void far_sends(std::string_view text, std::size_t i = 0) {
        ASSERT_EQ(::send(far(i), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// What a recv() gives: the bytes, "(wait)", "(end)" or an error.
    std::string recv(stream_source& s, std::size_t size = 100'000) {
        std::string data(size, '\0');
        const sys_result r = b_->recv(s, data.data(), size);
        if (r.would_block()) return "(wait)";
        if (!r.ok()) return std::to_string(r.error);
        if (r.value == 0) return "(end)";
        data.resize(static_cast<std::size_t>(r.value));
        return data;
    }
    /// Receives until there are `n` bytes.
    std::string recv_all(stream_source& s, std::size_t n) {
        std::string all;
        for (int tries = 0; all.size() < n && tries < 10'000; ++tries) {
            const std::string part = recv(s);
            if (part == "(wait)")
                b_->poll(1s);
            else if (part == "(end)")
                break;
            else
                all += part;
        }
        return all;
    }
    std::unique_ptr<backend> b_ = make_uring_backend();
    std::deque<stream_source> sources_;

   private:
    std::vector<int> far_;
};

TEST_F(uring_backend, receives_what_was_asked_for) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    EXPECT_FALSE(s.readable);
    EXPECT_TRUE(s.registered) << "asking was enough";
    b_->poll(0s);
    EXPECT_TRUE(s.log.empty());
    far_sends("hello");
    b_->poll(1s);
    EXPECT_EQ(s.log, std::vector<unsigned>{io_read});
    EXPECT_TRUE(s.readable);
    char there[8];
    EXPECT_EQ(::recv(s.fd, there, sizeof there, MSG_PEEK), -1) << "it has left the socket";
    EXPECT_EQ(recv(s, 2), "he");
    EXPECT_EQ(recv(s), "llo");
    EXPECT_EQ(recv(s), "(wait)");
}

// Back-pressure: what nobody asks for stays with the kernel.
TEST_F(uring_backend, receives_no_more_than_one_buffer_ahead) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    far_sends(std::string(buffer_size, 'a') + std::string(buffer_size, 'b'));
    b_->poll(1s);
    b_->poll(0s);
    EXPECT_EQ(s.log.size(), 1u);
    EXPECT_EQ(recv(s), std::string(buffer_size, 'a'));
    EXPECT_EQ(recv(s), std::string(buffer_size, 'b')) << "a full buffer: there may be more";
    EXPECT_EQ(recv(s), "(wait)");
}

TEST_F(uring_backend, attaching_is_enough_to_be_told) {
    stream_source& s = connect();
    s.readable = false;  // somebody has tried
    EXPECT_EQ(b_->attach(s), 0);
    far_sends("x");
    b_->poll(1s);
    EXPECT_EQ(s.log, std::vector<unsigned>{io_read});
    EXPECT_EQ(recv(s), "x");
}

TEST_F(uring_backend, receives_much_in_order) {
    stream_source& s = connect();
    std::string sent;
    for (int i = 0; i < 200'000; ++i) sent += static_cast<char>('a' + i % 23);
    std::thread peer([&] {
        for (std::size_t at = 0; at < sent.size();) {
            const std::string_view rest = std::string_view(sent).substr(at, 1 + at % 7001);
            const auto n = ::send(far(), rest.data(), rest.size(), MSG_NOSIGNAL);
            if (n > 0) at += static_cast<std::size_t>(n);
        }
    });
    EXPECT_EQ(recv_all(s, sent.size()), sent);
    peer.join();
}

TEST_F(uring_backend, tells_the_end_behind_the_data) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    far_sends("last words");
    ::shutdown(far(), SHUT_WR);
    b_->poll(1s);
    EXPECT_EQ(recv(s), "last words");
    EXPECT_EQ(recv(s), "(wait)");
    b_->poll(1s);
    EXPECT_EQ(recv(s), "(end)");
    EXPECT_EQ(recv(s), "(end)");
    stream_source& large = connect();
    EXPECT_EQ(recv(large), "(wait)");
    far_sends(std::string(buffer_size, 'x'), 1);
    ::shutdown(far(1), SHUT_WR);
    b_->poll(1s);
    EXPECT_EQ(recv(large), std::string(buffer_size, 'x'));
    EXPECT_EQ(recv(large), "(end)");
    EXPECT_EQ(recv(large), "(end)");
}

TEST_F(uring_backend, tells_an_error_once_as_the_system_does) {
    raw_address any;
    ASSERT_TRUE(parse_ip("127.0.0.1", 0, any));
    const auto open = [&] {
        return static_cast<int>(b_->open_socket(address_family::ipv4, socket_type::stream).value);
    };
    const int listener = open();
    ASSERT_TRUE(b_->bind(listener, any).ok() && b_->listen(listener, 1).ok());
    ASSERT_TRUE(b_->local_address(listener, any).ok());
    stream_source& s = sources_.emplace_back(open());
    EXPECT_EQ(b_->connect(s, any).error, EINPROGRESS);
    EXPECT_FALSE(s.writable);
    EXPECT_EQ(b_->attach(s), 0);
    b_->poll(1s);
    EXPECT_EQ(s.log, std::vector<unsigned>{io_write}) << "it is connected";
    EXPECT_TRUE(s.writable);
    raw_address peer;
    stream_source accepting(listener);
    accepting.ahead = false;
    const int far_end = static_cast<int>(b_->accept(accepting, peer).value);
    EXPECT_EQ(recv(s), "(wait)");
    b_->abort(far_end);
    b_->poll(1s);
    EXPECT_EQ(recv(s), std::to_string(ECONNRESET));
    EXPECT_EQ(recv(s), "(wait)");
    b_->poll(1s);
    EXPECT_EQ(recv(s), "(end)");
    b_->close(listener);
}

TEST_F(uring_backend, tells_when_there_is_room_again) {
    stream_source& s = connect();
    const std::vector<char> much(1 << 20);
    const const_chunk all{much.data(), much.size()};
    while (b_->send(s, {&all, 1}).ok()) {
    }
    EXPECT_FALSE(s.writable);
    EXPECT_EQ(b_->attach(s), 0);
    b_->poll(0s);
    EXPECT_TRUE(s.log.empty());
    std::vector<char> into(1 << 20);
    while (::recv(far(), into.data(), into.size(), MSG_DONTWAIT) > 0) {
    }
    b_->poll(1s);
    EXPECT_EQ(s.log, std::vector<unsigned>{io_write});
    EXPECT_TRUE(b_->send(s, {&all, 1}).ok());
    while (b_->send(s, {&all, 1}).ok()) {
    }
    EXPECT_EQ(b_->send(s, {&all, 1}).error, EAGAIN) << "asked twice, it waits once";
    hang_up(s);
}

TEST_F(uring_backend, detach_takes_back_what_is_under_way) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    hang_up(s);  // not even handed over
    EXPECT_EQ(::send(far(), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE) << "closed at once, not at some time";
    stream_source& other = connect();
    EXPECT_EQ(recv(other), "(wait)");
    b_->poll(0s);
    hang_up(other);
    EXPECT_EQ(::send(far(1), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
    stream_source& full = connect();
    EXPECT_EQ(recv(full), "(wait)");
    b_->poll(0s);
    far_sends("never read", 2);
    hang_up(full);
    b_->poll(0s);
    EXPECT_TRUE(s.log.empty() && other.log.empty() && full.log.empty());
}

// A number that is used again belongs to a new connection.
TEST_F(uring_backend, a_descriptor_used_again_gets_nothing_of_the_old_one) {
    for (int i = 0; i < 500; ++i) {
        int fds[2];
        ASSERT_TRUE(b_->open_pair(socket_type::stream, fds).ok());
        stream_source s(fds[0]);
        const std::string nonce = std::to_string(i);
        EXPECT_EQ(recv(s), "(wait)");
        if (i % 3 == 0) b_->poll(0s);
        ASSERT_GT(::send(fds[1], nonce.data(), nonce.size(), 0), 0);
        if (i % 2 == 0) {
            b_->poll(1s);
            EXPECT_EQ(recv(s), nonce);
            if (i % 4 == 0) {
                EXPECT_EQ(recv(s), "(wait)");
            }
        }
        b_->detach(s);
        b_->close(fds[0]);
        ::close(fds[1]);
    }
}

TEST_F(uring_backend, does_without_buffers_when_all_are_full) {
    constexpr std::size_t count = uring_ring::buffer_count + 20;
    const support::descriptor_limit many(3 * count);
    if (!many.is_granted()) GTEST_SKIP() << "it needs " << 3 * count << " descriptors";
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(recv(connect()), "(wait)");
    for (std::size_t i = 0; i < count; ++i) far_sends(std::to_string(i), i);
    for (int i = 0; i < 100; ++i) b_->poll(0s);  // nobody takes what has come
    stream_source& late = connect();
    EXPECT_EQ(recv(late), "(wait)");
    for (int i = 0; i < 20; ++i) {
        const std::size_t told = late.log.size();
        b_->poll(0s);
        if (late.log.size() > told) {
            EXPECT_EQ(recv(late), "(wait)");
        }
    }
    EXPECT_LE(late.log.size(), 1u) << "it hears once that there are no buffers, and waits";
    far_sends("late", count);
    EXPECT_EQ(recv_all(late, 4), "late");
    for (std::size_t i = count; i-- > 0;)
        EXPECT_EQ(recv_all(sources_[i], std::to_string(i).size()), std::to_string(i));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(recv(sources_[i]), "(wait)");
    for (std::size_t i = 0; i < count; ++i) far_sends("again", i);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(recv_all(sources_[i], 5), "again");
}

// What completes at once fills the kernel's queue; beyond it, it would be lost with the ring.
TEST_F(uring_backend, a_ring_given_up_with_thousands_of_completions_loses_nothing) {
    constexpr std::size_t count = 4500;
    const support::descriptor_limit many(3 * count);
    if (!many.is_granted()) GTEST_SKIP() << "it needs " << 3 * count << " descriptors";
    for (std::size_t i = 0; i < count; ++i) {
        connect();
        if (i % 100 == 0) far_sends("kept", i);
        ::shutdown(far(i), SHUT_WR);
    }
    for (stream_source& s : sources_) EXPECT_EQ(recv(s), "(wait)");
    EXPECT_GE(b_->fileno(), 0);  // for a host: without a ring from now on
    for (std::size_t i = 0; i < count; i += 100) EXPECT_EQ(recv_all(sources_[i], 4), "kept") << i;
}

TEST_F(uring_backend, more_requests_than_the_queue_has_room_for) {
    constexpr std::size_t count = 600;
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(recv(connect()), "(wait)");
    for (std::size_t i = 0; i < count; ++i) far_sends("x", i);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(recv_all(sources_[i], 1), "x");
}

TEST_F(uring_backend, waits_for_other_descriptors_too) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    stream_source event(::eventfd(0, EFD_NONBLOCK));
    EXPECT_EQ(b_->watch(event, io_read), 0);
    stream_source twin(s.fd);
    EXPECT_EQ(b_->watch(twin, io_read), EEXIST) << "a stream owns it";
    b_->poll(0s);
    EXPECT_TRUE(event.log.empty());
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(event.fd, &one, sizeof one), 8);
    for (int i = 0; i < 3; ++i) b_->poll(1s);
    EXPECT_EQ(event.log, (std::vector<unsigned>{io_read, io_read, io_read})) << "level triggered";
    EXPECT_EQ(b_->watch(event, 0), 0);
    b_->poll(0s);
    EXPECT_EQ(event.log.size(), 3u);
    ::close(event.fd);
}

TEST_F(uring_backend, wakes_and_waits_as_long_as_it_may) {
    EXPECT_EQ(recv(connect()), "(wait)");
    const time_point start = b_->now();
    int polls = 0;
    for (; b_->now() - start < 1500us; ++polls) b_->poll(1500us);
    EXPECT_LE(polls, 5) << "a signal, or the end of another ring, may interrupt it";
    b_->wake();
    b_->wake();
    b_->poll(delay::forever());
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) b_->wake();
    });
    b_->poll(delay::forever());
    other.join();
    b_->poll(0s);
    EXPECT_EQ(b_->name(), "io_uring");
}

// Once the owner has said that it waits no more, recv() gives what there is.
TEST_F(uring_backend, no_longer_ahead) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    b_->poll(0s);
    far_sends("there");
    s.ahead = false;
    EXPECT_EQ(recv(s), "there");
    EXPECT_EQ(recv(s), "(wait)");
    ::shutdown(far(), SHUT_WR);
    EXPECT_EQ(recv(s), "(end)");
}

TEST_F(uring_backend, a_host_that_waits_gets_a_descriptor_that_tells) {
    stream_source& waiting = connect();
    stream_source& has = connect();
    EXPECT_EQ(recv(waiting), "(wait)");
    EXPECT_EQ(recv(has), "(wait)");
    far_sends("kept", 1);
    b_->poll(1s);
    pollfd host{b_->fileno(), POLLIN, 0};
    EXPECT_EQ(b_->name(), "epoll (a host waits on fileno())");
    b_->poll(0s);
    EXPECT_EQ(recv(has), "kept");
    EXPECT_EQ(recv(has), "(wait)");
    EXPECT_EQ(recv(waiting), "(wait)");
    while (::poll(&host, 1, 0) == 1) b_->poll(0s);
    far_sends("news");
    EXPECT_EQ(::poll(&host, 1, 5000), 1);
    waiting.log.clear();
    b_->poll(0s);
    EXPECT_FALSE(waiting.log.empty());
    EXPECT_EQ(recv(waiting), "news");
}

TEST_F(uring_backend, makes_do_with_epoll_when_there_is_no_descriptor_for_a_ring) {
    stream_source& s = connect();
    {
        const support::descriptor_limit none(0);
        EXPECT_EQ(recv(s), "(wait)");
    }
    EXPECT_EQ(b_->name(), "epoll (io_uring refused: Too many open files; RLIMIT_NOFILE)");
    EXPECT_EQ(b_->attach(s), 0);
    far_sends("all the same");
    b_->poll(1s);
    EXPECT_EQ(recv(s), "all the same");
}

// ---- threads and processes ----

TEST_F(uring_backend, moves_to_the_thread_that_polls) {
    stream_source& has = connect();
    stream_source& waiting = connect();
    const auto begin = [&] {
        EXPECT_EQ(recv(has), "(wait)");
        EXPECT_EQ(recv(waiting), "(wait)");
        far_sends("kept");
        b_->poll(1s);
    };
    std::thread first(begin);
    first.join();
    const auto go_on = [&](const char* text) {
        far_sends(text, 1);
        EXPECT_EQ(recv_all(waiting, std::string_view(text).size()), text);
        EXPECT_EQ(recv(waiting), "(wait)");
        b_->poll(0s);
    };
    go_on("here");
    EXPECT_EQ(recv(has), "kept");
    std::thread([&] { go_on("there"); }).join();
    go_on("here again");
    EXPECT_EQ(b_->name(), "io_uring");
}

TEST_F(uring_backend, is_closed_in_another_thread_than_it_ran_in) {
    std::binary_semaphore ran(0);
    std::binary_semaphore may_end(0);
    std::thread runner([&] {
        EXPECT_EQ(recv(connect()), "(wait)");
        EXPECT_EQ(recv(connect()), "(wait)");
        b_->poll(0s);
        ran.release();
        may_end.acquire();
    });
    ran.acquire();
    hang_up(sources_[0]);
    pollfd peer{far(), POLLIN, 0};
    EXPECT_EQ(::poll(&peer, 1, 5000), 1) << "the peer sees the end, soon";
    may_end.release();
    runner.join();
    hang_up(sources_[1]);
}

TEST_F(uring_backend, a_forked_child_leaves_the_ring_alone) {
    stream_source& s = connect();
    EXPECT_EQ(recv(s), "(wait)");
    b_->poll(0s);
    const pid_t child = ::fork();
    if (child == 0) {
        hang_up(s);
        b_.reset();
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    far_sends("still here");
    b_->poll(1s);
    EXPECT_EQ(recv(s), "still here");
}

}  // namespace uring_backend_test
