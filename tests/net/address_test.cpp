#include "asyncio/net/address.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace address_test {

using asyncio::address_family;
using asyncio::socket_address;

TEST(socket_address, holds_numeric_addresses) {
    const socket_address v4("192.0.2.7", 80);
    EXPECT_EQ(v4.family(), address_family::ipv4);
    EXPECT_EQ(v4.ip(), "192.0.2.7");
    EXPECT_EQ(v4.port(), 80);
    EXPECT_EQ(v4.path(), "");
    EXPECT_EQ(v4.to_string(), "192.0.2.7:80");

    const socket_address v6("2001:DB8::0:1", 65535);
    EXPECT_EQ(v6.family(), address_family::ipv6);
    EXPECT_EQ(v6.ip(), "2001:db8::1");
    EXPECT_EQ(v6.to_string(), "[2001:db8::1]:65535");

    const socket_address scoped("fe80::1%1", 0);
    EXPECT_EQ(scoped.ip().substr(0, 8), "fe80::1%");
    EXPECT_FALSE(scoped == socket_address("fe80::1", 0));
    EXPECT_EQ(socket_address("fe80::1%77777", 0).ip(), "fe80::1%77777");
}

TEST(socket_address, refuses_what_is_not_numeric) {
    for (const char* bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ",
                            ":::", "fe80::1%", "fe80::1%0", "fe80::1%no such interface", "[::1]"})
        EXPECT_THROW(socket_address(bad, 1), std::invalid_argument) << bad;
    EXPECT_THROW(socket_address(std::string_view("127.0.0.1\0x", 11), 1), std::invalid_argument);
    try {
        const socket_address name("example.org", 80);
        FAIL() << name.to_string();
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(),
                     "asyncio: socket_address: 'example.org' is not a numeric IP address; look "
                     "names up with loop.getaddrinfo()");
    }
}

TEST(socket_address, checks_the_port) {
    EXPECT_THROW(socket_address("127.0.0.1", -1), std::invalid_argument);
    try {
        const socket_address beyond("127.0.0.1", 65536);
        FAIL() << beyond.to_string();
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "asyncio: socket_address: port 65536 is out of range (0 to 65535)");
    }
}

TEST(socket_address, holds_paths) {
    const auto file = socket_address::unix_path("/run/app.sock");
    EXPECT_EQ(file.family(), address_family::unix_domain);
    EXPECT_EQ(file.path(), "/run/app.sock");
    EXPECT_EQ(file.ip(), "");
    EXPECT_EQ(file.port(), 0);
    EXPECT_EQ(file.to_string(), "unix:/run/app.sock");

    const std::string name("\0app", 4);
    const auto abstract = socket_address::unix_path(name);
    EXPECT_EQ(abstract.path(), name);
    EXPECT_EQ(abstract.to_string(), "unix:@app");

    EXPECT_EQ(socket_address::unix_path(std::string(107, 'x')).path(), std::string(107, 'x'));
    EXPECT_THROW((void)socket_address::unix_path(std::string(108, 'x')), std::invalid_argument);
    EXPECT_THROW((void)socket_address::unix_path(""), std::invalid_argument);
    EXPECT_THROW((void)socket_address::unix_path(std::string_view("a\0b", 3)),
                 std::invalid_argument);
}

TEST(socket_address, compares) {
    EXPECT_EQ(socket_address("127.0.0.1", 1), socket_address("127.0.0.1", 1));
    EXPECT_FALSE(socket_address("127.0.0.1", 1) == socket_address("127.0.0.1", 2));
    EXPECT_FALSE(socket_address("127.0.0.1", 1) == socket_address("127.0.0.2", 1));
    EXPECT_FALSE(socket_address("::1", 1) == socket_address("127.0.0.1", 1));
    EXPECT_EQ(socket_address(), socket_address());
    EXPECT_EQ(socket_address().to_string(), "(unnamed)");
    EXPECT_EQ(socket_address().family(), address_family::unspecified);
    EXPECT_EQ(socket_address().ip(), "");
    EXPECT_EQ(socket_address().path(), "");
    const socket_address a("127.0.0.1", 1);
    EXPECT_EQ(socket_address(a.raw()), a);
}

}  // namespace address_test
