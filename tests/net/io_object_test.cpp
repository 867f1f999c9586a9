#include "asyncio/net/io_object.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace io_object_test {

using asyncio::coroutine;
using asyncio::detail::io_object;
using asyncio::detail::io_operation;
using asyncio::detail::network;
using asyncio::detail::ref;

class plain_object final : public io_object {
   public:
    explicit plain_object(asyncio::event_loop* loop) : io_object(loop) {}
};

/// Counts how often it is tried.
class counting_read final : public io_operation {
   public:
    using asyncio_awaiter = void;
    explicit counting_read(io_object& o) noexcept : object_(o) {}
    bool await_ready() noexcept { return attempt(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        object_.attach();
        park(h.promise(), object_.reader);
    }
    int await_resume() {
        check_cancelled();
        return attempts_;
    }

   private:
    bool attempt() noexcept override {
        ++attempts_;
        char c = 0;
        return !object_.outside().recv(object_, &c, 1).would_block();
    }
    void closed() noexcept override { attempts_ = -1; }
    [[nodiscard]] std::string describe() const override { return "a counting read"; }
    io_object& object_;
    int attempts_ = 0;
};

struct two_ends {
    explicit two_ends(asyncio::event_loop& loop) : own(new plain_object(&loop)), other(-1) {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        own->open(fds[0]);
        other = fds[1];
    }
    two_ends(const two_ends&) = delete;
    two_ends& operator=(const two_ends&) = delete;
    ~two_ends() { ::close(other); }
    ref<plain_object> own;
    int other;
};

coroutine<int> count_reads(const two_ends& ends) { co_return co_await counting_read(*ends.own); }

coroutine<> try_first() {
    const two_ends ends(asyncio::get_running_loop());
    EXPECT_TRUE(ends.own->has_loop());
    EXPECT_EQ(&ends.own->loop(), &asyncio::get_running_loop());
    EXPECT_EQ(::write(ends.other, "a", 1), 1);
    int attempts = co_await count_reads(ends);
    EXPECT_EQ(attempts, 1) << "it did not wait";
    EXPECT_FALSE(ends.own->registered);
    auto t = asyncio::create_task(count_reads, std::cref(ends));
    co_await loopback::rounds(2);
    EXPECT_NE(ends.own->reader, nullptr);
    EXPECT_EQ(ends.own->attach(), 0) << "again: nothing";
    // An event that concerns the other direction changes nothing.
    ends.own->on_ready(asyncio::detail::io_write);
    ends.own->on_ready(asyncio::detail::io_read);
    ends.own->on_ready(asyncio::detail::io_read);
    co_await loopback::rounds(1);
    EXPECT_FALSE(t.done()) << "a stray event";
    EXPECT_EQ(::write(ends.other, "a", 1), 1);
    attempts = co_await std::move(t);
    EXPECT_GE(attempts, 3);
    EXPECT_EQ(ends.own->reader, nullptr);
}

TEST(io_object, is_tried_before_anybody_waits) { asyncio::run(try_first()); }

coroutine<> close_it() {
    const two_ends ends(asyncio::get_running_loop());
    auto t = asyncio::create_task(count_reads, std::cref(ends));
    co_await loopback::rounds(2);
    EXPECT_TRUE(ends.own->is_open());
    ends.own->close_descriptor();
    ends.own->abort_descriptor();
    EXPECT_FALSE(ends.own->is_open());
    const int attempts = co_await t;
    EXPECT_EQ(attempts, -1) << "it was told";
}

TEST(io_object, tells_who_waits_when_it_closes) { asyncio::run(close_it()); }

// An event has come, and before the task's turn something else happens.
coroutine<> lose_the_turn() {
    const two_ends ends(asyncio::get_running_loop());
    auto cancelled = asyncio::create_task(count_reads, std::cref(ends));
    co_await loopback::rounds(2);
    EXPECT_EQ(::write(ends.other, "a", 1), 1);
    ends.own->on_ready(asyncio::detail::io_read);
    cancelled.cancel();
    const std::string e = co_await loopback::error_of(std::move(cancelled));
    EXPECT_EQ(e, "cancelled");
    EXPECT_EQ(ends.own->reader, nullptr);
    int attempts = co_await count_reads(ends);
    EXPECT_EQ(attempts, 1) << "nothing was consumed";

    auto closed = asyncio::create_task(count_reads, std::cref(ends));
    co_await loopback::rounds(2);
    ends.own->on_ready(asyncio::detail::io_read);
    ends.own->close_descriptor();
    attempts = co_await closed;
    EXPECT_EQ(attempts, -1) << "it was told, and went on once";
}

TEST(io_object, cancel_and_close_come_before_a_turn) { asyncio::run(lose_the_turn()); }

TEST(io_object, a_loop_may_close_before_a_turn) {
    const auto loop = asyncio::new_event_loop();
    const two_ends ends(*loop);
    auto t = loop->create_task(count_reads, std::cref(ends));
    loop->call_soon([&] {
        loop->call_soon([&] {
            ends.own->on_ready(asyncio::detail::io_read);
            loop->stop();
        });
    });
    loop->run_forever();
    loop->close();
    EXPECT_TRUE(t.cancelled());
}

coroutine<> watch_what_is_owned() {
    const two_ends ends(asyncio::get_running_loop());
    EXPECT_EQ(ends.own->attach(), 0);
    std::string text;
    try {
        asyncio::get_running_loop().add_reader(ends.own->fd, [] {});
    } catch (const std::system_error& e) {
        text = e.what();
    }
    EXPECT_NE(text.find("a stream or socket of this loop owns it"), text.npos) << text;
    EXPECT_EQ(::write(ends.other, "a", 1), 1);
    const int attempts = co_await count_reads(ends);
    EXPECT_EQ(attempts, 1) << "it is watched as before";
}

TEST(io_object, is_not_taken_over_by_add_reader) { asyncio::run(watch_what_is_owned()); }

TEST(io_object, dies_with_its_loop) {
    auto loop = asyncio::new_event_loop();
    ref<plain_object> own;
    {
        two_ends ends(*loop);
        own = ends.own;
    }
    EXPECT_EQ(&network::of(*loop), &network::of(*loop));
    EXPECT_FALSE(network::of(*loop).objects.empty());
    loop->close();
    EXPECT_FALSE(own->is_open());
    EXPECT_THROW((void)network::of(*loop), std::runtime_error);
    EXPECT_THROW(plain_object other(loop.get()), std::runtime_error);
    loop.reset();
    own->close_descriptor();
}

TEST(io_object, makes_errors_that_name_the_call) {
    using asyncio::detail::make_io_error;
    using asyncio::detail::peer_text;
    using asyncio::detail::throw_io_error;
    EXPECT_THROW(throw_io_error(EPIPE, "sending"), std::system_error);
    EXPECT_EQ(asyncio::detail::describe(make_io_error(EPIPE, "sending")),
              "std::system_error: asyncio: sending: Broken pipe");
    EXPECT_EQ(peer_text(asyncio::socket_address("127.0.0.1", 5).raw()), "127.0.0.1:5");
}

}  // namespace io_object_test
