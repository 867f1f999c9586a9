#include "asyncio/net/kept_address.hpp"

#include <gtest/gtest.h>

#include <string>

#include "asyncio/net/address.hpp"

namespace kept_address_test {

using asyncio::socket_address;
using asyncio::detail::kept_address;
using asyncio::detail::raw_address;

std::string there_and_back(const socket_address& a) {
    kept_address kept;
    kept.keep(a.raw());
    EXPECT_EQ(kept.get().size, a.raw().size);
    return socket_address(kept.get()).to_string();
}

raw_address ip(const char* text, std::uint16_t port) {
    raw_address a;
    EXPECT_TRUE(asyncio::detail::parse_ip(text, port, a));
    return a;
}

TEST(kept_address, gives_back_every_kind) {
    EXPECT_EQ(there_and_back(socket_address(ip("127.0.0.1", 80))), "127.0.0.1:80");
    EXPECT_EQ(there_and_back(socket_address(ip("0.0.0.0", 0))), "0.0.0.0:0");
    EXPECT_EQ(there_and_back(socket_address(ip("2001:db8::1", 443))), "[2001:db8::1]:443");
    const auto path = socket_address::unix_path("/tmp/" + std::string(80, 'x'));
    EXPECT_EQ(there_and_back(path), path.to_string());
}

TEST(kept_address, has_none_at_first_and_keeps_the_last) {
    kept_address kept;
    EXPECT_EQ(kept.get().size, 0u);
    kept.keep(ip("2001:db8::1", 443));
    kept.keep(ip("2001:db8::2", 443));
    EXPECT_EQ(socket_address(kept.get()).to_string(), "[2001:db8::2]:443");
    kept.keep(ip("127.0.0.1", 80));
    EXPECT_EQ(socket_address(kept.get()).to_string(), "127.0.0.1:80");
    kept.keep(raw_address());
    EXPECT_EQ(kept.get().size, 0u);
}

}  // namespace kept_address_test
