// add_reader and add_writer: descriptors that the loop does not own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace reader_test {

using namespace asyncio;
using namespace std::chrono_literals;

class socket_pair {
   public:
    socket_pair() {
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_), 0);
    }
    socket_pair(const socket_pair&) = delete;
    socket_pair& operator=(const socket_pair&) = delete;
    ~socket_pair() {
        close_one(0);
        close_one(1);
    }
    void close_one(int which) {
        if (fds_[which] >= 0) ::close(fds_[which]);
        fds_[which] = -1;
    }
    [[nodiscard]] int near() const { return fds_[0]; }
    [[nodiscard]] int far() const { return fds_[1]; }
    void send() const { EXPECT_EQ(::write(far(), "x", 1), 1); }

   private:
    int fds_[2] = {-1, -1};
};

class reader : public ::testing::Test {
   protected:
    /// Polls without waiting, several times.
    void turn() {
        for (int i = 0; i < 3; ++i) loop_->run_ready();
    }
    std::unique_ptr<event_loop> loop_ = new_event_loop();
    socket_pair pair_;
    std::string log_;
};

TEST_F(reader, is_called_while_there_is_something_to_read) {
    loop_->add_reader(pair_.near(), [&] {
        char c = 0;
        EXPECT_EQ(::read(pair_.near(), &c, 1), 1);
        log_ += c;
    });
    turn();
    EXPECT_EQ(log_, "");
    pair_.send();
    pair_.send();
    turn();
    EXPECT_EQ(log_, "xx");
    EXPECT_TRUE(loop_->remove_reader(pair_.near()));
    EXPECT_FALSE(loop_->remove_reader(pair_.near()));
    pair_.send();
    turn();
    EXPECT_EQ(log_, "xx");
}

TEST_F(reader, and_writer_live_side_by_side) {
    loop_->add_reader(pair_.near(), [&](char c) { log_ += c; }, 'r');
    loop_->add_writer(pair_.near(), [&] {
        log_ += 'w';
        EXPECT_TRUE(loop_->remove_writer(pair_.near()));
    });
    turn();
    EXPECT_EQ(log_, "w");
    pair_.send();
    loop_->run_ready();
    EXPECT_EQ(log_.substr(0, 2), "wr");
    EXPECT_FALSE(loop_->remove_writer(pair_.near()));
    EXPECT_TRUE(loop_->remove_reader(pair_.near()));
}

// S27: replacing the reader cancels the old one and keeps the writer; unknown: false.
TEST_F(reader, is_replaced) {
    handle old = loop_->add_reader(pair_.near(), [&] { log_ += "old"; });
    loop_->add_writer(pair_.near(), [&] { log_ += "w"; });
    pair_.send();
    loop_->add_reader(pair_.near(), [&] { log_ += "new"; });
    EXPECT_TRUE(old.cancelled());
    loop_->run_ready();
    EXPECT_EQ(log_, "neww");
    EXPECT_FALSE(loop_->remove_reader(pair_.far()));
    EXPECT_TRUE(loop_->remove_writer(pair_.near()));
    EXPECT_TRUE(loop_->remove_reader(pair_.near()));
}

TEST_F(reader, replaced_after_it_became_ready) {
    pair_.send();
    loop_->add_reader(pair_.near(), [&] { log_ += "old"; });
    loop_->call_soon([&] {
        loop_->add_reader(pair_.near(), [&] {
            log_ += "new";
            loop_->remove_reader(pair_.near());
        });
    });
    turn();
    EXPECT_EQ(log_, "new");
}

// S28: a ready descriptor whose handle was cancelled is unregistered, not run.
TEST_F(reader, whose_handle_was_cancelled_is_unregistered) {
    pair_.send();
    handle h = loop_->add_reader(pair_.near(), [&] { log_ += "r"; });
    handle w = loop_->add_writer(pair_.near(), [&] { log_ += "w"; });
    h.cancel();
    w.cancel();
    turn();
    EXPECT_EQ(log_, "");
    EXPECT_FALSE(loop_->remove_reader(pair_.near()));
    EXPECT_FALSE(loop_->remove_writer(pair_.near()));
    const auto turns = loop_->turns;
    loop_->call_later(10ms, [&] { loop_->stop(); });
    loop_->run_forever();
    EXPECT_LT(loop_->turns - turns, 10u);  // it does not spin
    loop_->add_reader(pair_.near(), [&] { log_ += "again"; });
    loop_->run_ready();
    EXPECT_EQ(log_, "again");
}

// S12: events are not delivered twice after a stop.
TEST_F(reader, is_not_told_twice_after_a_stop) {
    loop_->add_reader(pair_.near(), [&] {
        char c = 0;
        EXPECT_EQ(::read(pair_.near(), &c, 1), 1);
        log_ += c;
        loop_->stop();
    });
    pair_.send();
    loop_->run_forever();
    EXPECT_EQ(log_, "x");
    turn();
    EXPECT_EQ(log_, "x");
}

TEST_F(reader, is_told_that_the_peer_has_gone) {
    loop_->add_reader(pair_.near(), [&] {
        char c = 0;
        EXPECT_EQ(::read(pair_.near(), &c, 1), 0);
        log_ += "end";
        loop_->remove_reader(pair_.near());
    });
    pair_.close_one(1);
    turn();
    EXPECT_EQ(log_, "end");
}

TEST_F(reader, writer_of_a_broken_pipe_is_told) {
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    while (::write(fds[1], "0123456789abcdef", 16) == 16) {
    }
    loop_->add_writer(fds[1], [&] {
        log_ += "w";
        loop_->remove_writer(fds[1]);
    });
    turn();
    EXPECT_EQ(log_, "");
    ::close(fds[0]);
    turn();
    EXPECT_EQ(log_, "w");
    ::close(fds[1]);
}

TEST_F(reader, removes_itself_and_others_in_its_callback) {
    socket_pair other;
    pair_.send();
    other.send();
    const auto remove_both = [&] {
        log_ += "r";
        EXPECT_TRUE(loop_->remove_reader(pair_.near()));
        EXPECT_TRUE(loop_->remove_reader(other.near()));
    };
    loop_->add_reader(pair_.near(), remove_both);
    loop_->add_reader(other.near(), remove_both);
    turn();
    EXPECT_EQ(log_, "r");
}

struct removes_writer {
    removes_writer(event_loop& l, int f) : loop(&l), fd(f) {}
    removes_writer(removes_writer&& o) noexcept : loop(std::exchange(o.loop, nullptr)), fd(o.fd) {}
    ~removes_writer() {
        if (loop != nullptr) loop->remove_writer(fd);
    }
    void operator()() {}
    event_loop* loop;
    int fd;
};

TEST_F(reader, may_remove_the_writer_when_it_is_destroyed) {
    loop_->add_writer(pair_.near(), [&] { log_ += "w"; });
    loop_->add_reader(pair_.near(), removes_writer(*loop_, pair_.near()));
    EXPECT_TRUE(loop_->remove_reader(pair_.near()));
    turn();
    EXPECT_EQ(log_, "");
    loop_->add_writer(pair_.near(), removes_writer(*loop_, pair_.near()));
    loop_->add_reader(pair_.near(), removes_writer(*loop_, pair_.near()));
    loop_->close();
}

TEST_F(reader, a_descriptor_that_was_closed_and_opened_again) {
    const int fd = ::eventfd(0, EFD_NONBLOCK);
    loop_->add_reader(fd, [&] { log_ += "old"; });
    ::close(fd);
    const int again = ::eventfd(1, EFD_NONBLOCK);
    ASSERT_EQ(fd, again);
    loop_->add_reader(again, [&] { log_ += "new"; });
    loop_->run_ready();
    EXPECT_EQ(log_, "new");
    EXPECT_TRUE(loop_->remove_reader(again));
    ::close(again);
}

TEST_F(reader, a_descriptor_that_was_closed_too_early_but_has_a_copy) {
    const int fd = ::eventfd(1, EFD_NONBLOCK);
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
    loop_->add_reader(fd, [&] { log_ += "r"; });
    ::close(fd);
    EXPECT_TRUE(loop_->remove_reader(fd));
    turn();
    EXPECT_EQ(log_, "");
    ::close(copy);
}

TEST_F(reader, refuses_bad_descriptors) {
    try {
        loop_->add_reader(-1, [] {});
        ADD_FAILURE();
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "asyncio: add_reader/add_writer: the descriptor is negative");
    }
    EXPECT_THROW(loop_->add_writer(-7, [] {}), std::invalid_argument);
    EXPECT_FALSE(loop_->remove_reader(-1));

    const int closed = ::eventfd(0, EFD_NONBLOCK);
    ::close(closed);
    try {
        loop_->add_reader(closed, [] {});
        ADD_FAILURE();
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), EBADF);
        EXPECT_NE(std::string(e.what()).find("asyncio: descriptor " + std::to_string(closed) +
                                             " cannot be watched"),
                  std::string::npos);
    }
    EXPECT_FALSE(loop_->remove_reader(closed));
}

TEST_F(reader, refuses_a_regular_file_and_names_the_fix) {
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    try {
        loop_->add_reader(::fileno(file), [] {});
        ADD_FAILURE();
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), EPERM);
        EXPECT_NE(std::string(e.what()).find("a regular file is always ready: read it in a thread, "
                                             "with to_thread"),
                  std::string::npos);
    }
    std::fclose(file);
}

struct owner final : detail::io_source {
    using io_source::io_source;
    void on_ready(unsigned) noexcept override {}
};

TEST_F(reader, refuses_what_the_loop_itself_owns) {
    owner s(pair_.near());
    ASSERT_EQ(loop_->outside->attach(s), 0);
    try {
        loop_->add_reader(pair_.near(), [] {});
        ADD_FAILURE();
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), EEXIST);
        EXPECT_NE(std::string(e.what()).find("a stream or socket of this loop owns it"),
                  std::string::npos);
    }
    loop_->outside->detach(s);
}

TEST_F(reader, exceptions_are_reported_and_it_stays) {
    int told = 0;
    std::string message;
    loop_->set_exception_handler([&](event_loop&, const exception_context& c) {
        message = c.message;
        ++told;
    });
    pair_.send();
    loop_->add_reader(pair_.near(), [] { throw std::runtime_error("no"); });
    loop_->run_ready();
    loop_->run_ready();
    EXPECT_EQ(message, "Exception in a reader callback");
    EXPECT_GE(told, 2);
    loop_->remove_reader(pair_.near());
    loop_->add_writer(pair_.near(), [] { throw std::runtime_error("no"); });
    loop_->run_ready();
    EXPECT_EQ(message, "Exception in a writer callback");
}

TEST_F(reader, many_descriptors_in_one_poll) {
    std::vector<std::unique_ptr<socket_pair>> pairs;
    int reads = 0;
    for (int i = 0; i < 300; ++i) {
        pairs.push_back(std::make_unique<socket_pair>());
        pairs.back()->send();
        const int fd = pairs.back()->near();
        loop_->add_reader(fd, [&reads, fd] {
            char c = 0;
            reads += static_cast<int>(::read(fd, &c, 1));
        });
    }
    turn();
    EXPECT_EQ(reads, 300);
}

TEST_F(reader, close_forgets_them) {
    auto owned = std::make_shared<int>(1);
    loop_->add_reader(pair_.near(), [owned] {});
    loop_->add_writer(pair_.near(), [owned] {});
    loop_->close();
    EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace reader_test
