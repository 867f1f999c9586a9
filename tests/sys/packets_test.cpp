#include "sys/packets.hpp"
#include "support/descriptor_limit.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace packets_test {

using asyncio::detail::const_chunk;
using asyncio::detail::descriptor;
using asyncio::detail::open_packets;
using asyncio::detail::packet_descriptors;
using asyncio::detail::packet_wait;
using asyncio::detail::receive_packet;
using asyncio::detail::send_packet;

class packets : public testing::Test {
   protected:
    void SetUp() override { ASSERT_EQ(open_packets(one, other), 0); }
    auto send(const std::string& text, std::span<const int> along = {}) {
        const const_chunk chunk{text.data(), text.size()};
        return send_packet(one.get(), {&chunk, 1}, along, packet_wait::never);
    }
    std::string receive(std::size_t room = 100) {
        std::string text(room, '\0');
        got = receive_packet(other.get(), text, fds, packet_wait::never);
        text.resize(static_cast<std::size_t>(got.value));
        return text;
    }
    descriptor one;
    descriptor other;
    packet_descriptors fds;
    asyncio::detail::sys_result got;
};

TEST_F(packets, arrive_whole_and_in_order) {
    EXPECT_TRUE(send("first").ok());
    EXPECT_TRUE(send("second").ok());
    EXPECT_EQ(receive(), "first");
    EXPECT_EQ(receive(), "second");
    (void)receive();
    EXPECT_TRUE(got.would_block());
}

TEST_F(packets, are_put_together_from_chunks) {
    const const_chunk chunks[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    EXPECT_EQ(send_packet(one.get(), chunks, {}, packet_wait::as_long_as_it_takes).value, 5);
    EXPECT_EQ(receive(), "abcde");
}

TEST_F(packets, bring_descriptors_along) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    EXPECT_TRUE(send("pipe", pipe).ok());
    EXPECT_EQ(receive(), "pipe");
    ASSERT_TRUE(fds.first && fds.second);
    EXPECT_NE(::fcntl(fds.first.get(), F_GETFD) & FD_CLOEXEC, 0);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ASSERT_EQ(::write(fds.second.get(), "x", 1), 1);
    char c = 0;
    EXPECT_EQ(::read(fds.first.get(), &c, 1), 1);
    EXPECT_EQ(c, 'x');
}

TEST_F(packets, of_32_KiB_fit) {
    EXPECT_TRUE(send(std::string(33 << 10, 'x')).ok());
    EXPECT_EQ(receive(40 << 10).size(), std::size_t{33} << 10);
}

TEST_F(packets, say_so_when_they_were_cut) {
    EXPECT_TRUE(send("too long").ok());
    (void)receive(3);
    EXPECT_EQ(got.error, EMSGSIZE);
}

TEST_F(packets, arrive_without_descriptors_if_there_is_room_for_none) {
    const int fd[] = {STDERR_FILENO};
    EXPECT_TRUE(send("text", fd).ok());
    std::string text(10, '\0');
    {
        const support::descriptor_limit none(0);
        got = receive_packet(other.get(), text, fds, packet_wait::never);
    }
    EXPECT_EQ(got.error, EMSGSIZE);
    EXPECT_EQ(text.substr(0, 4), "text");
    EXPECT_FALSE(fds.first);
}

TEST_F(packets, tell_of_the_end) {
    one.close();
    (void)receive();
    EXPECT_TRUE(got.ok());
    EXPECT_EQ(got.value, 0);
    std::swap(one, other);
    EXPECT_EQ(send("nobody").error, EPIPE);
}

TEST(descriptor, closes_what_it_owns_once) {
    const int fd = ::dup(STDERR_FILENO);
    {
        descriptor first(fd);
        descriptor second = std::move(first);
        EXPECT_FALSE(first);
        EXPECT_EQ(second.get(), fd);
    }
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    descriptor kept(::dup(STDERR_FILENO));
    const int given = kept.release();
    EXPECT_FALSE(kept);
    EXPECT_EQ(::close(given), 0);
}

}  // namespace packets_test
