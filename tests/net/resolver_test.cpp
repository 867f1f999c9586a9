#include "asyncio/net/resolver.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "executor/manual_executor.hpp"
#include "streams/loopback.hpp"

namespace resolver_test {

using asyncio::address_family;
using asyncio::coroutine;
using asyncio::event_loop;
using asyncio::getaddrinfo_options;
using loopback::rounds;

coroutine<std::string> addresses_of(std::string host, int port, getaddrinfo_options options) {
    const std::vector<asyncio::address_info> found =
        co_await asyncio::get_running_loop().getaddrinfo(host, port, options);
    std::string text;
    for (const asyncio::address_info& a : found) {
        EXPECT_EQ(a.family, a.address.family());
        EXPECT_EQ(a.type, options.type);
        text += (text.empty() ? "" : " ") + a.address.to_string();
    }
    co_return text;
}

manual_executor& install_manual_executor() {
    auto pool = std::make_unique<manual_executor>();
    manual_executor& it = *pool;
    asyncio::get_running_loop().set_default_executor(std::move(pool));
    return it;
}

coroutine<> look_up_numbers() {
    install_manual_executor();  // nobody would run its jobs
    getaddrinfo_options options;
    std::string s = co_await addresses_of("192.0.2.1", 80, options);
    EXPECT_EQ(s, "192.0.2.1:80");
    s = co_await addresses_of("::1", 65535, options);
    EXPECT_EQ(s, "[::1]:65535");
    s = co_await addresses_of("", 7, options);
    EXPECT_EQ(s, "127.0.0.1:7 [::1]:7");
    options.passive = true;
    s = co_await addresses_of("", 7, options);
    EXPECT_EQ(s, "0.0.0.0:7 [::]:7");
    options.family = address_family::ipv6;
    options.type = asyncio::socket_type::datagram;
    s = co_await addresses_of("", 7, options);
    EXPECT_EQ(s, "[::]:7");

    event_loop& loop = asyncio::get_running_loop();
    const auto by_name = co_await loop.getaddrinfo("127.0.0.1", "8080");
    EXPECT_EQ(by_name.at(0).address.port(), 8080);
    const auto no_service = co_await loop.getaddrinfo("127.0.0.1", "");
    EXPECT_EQ(no_service.at(0).address.port(), 0);
}

TEST(getaddrinfo, answers_numbers_at_once) { asyncio::run(look_up_numbers()); }

coroutine<> look_up_names() {
    event_loop& loop = asyncio::get_running_loop();
    getaddrinfo_options options;
    options.family = address_family::ipv4;
    const std::string local = co_await addresses_of("localhost", 80, options);
    EXPECT_EQ(local, "127.0.0.1:80");
    options.canonical_name = true;
    const auto named = co_await loop.getaddrinfo("localhost", 80, options);
    EXPECT_EQ(named.at(0).canonical_name, "localhost");
    const auto service = co_await loop.getaddrinfo("127.0.0.1", "http", options);
    EXPECT_EQ(service.at(0).address.port(), 80);
}

TEST(getaddrinfo, looks_names_up) { asyncio::run(look_up_names()); }

coroutine<> fail_to_look_up() {
    event_loop& loop = asyncio::get_running_loop();
    std::string text;
    const std::error_category* category = nullptr;
    try {
        (void)co_await loop.getaddrinfo("no-such-name.invalid", 80);
    } catch (const std::system_error& e) {
        text = e.what();
        category = &e.code().category();
    }
    EXPECT_EQ(text.find("asyncio: cannot resolve host 'no-such-name.invalid', service '80': "), 0u)
        << text;
    EXPECT_EQ(category, &asyncio::resolver_category());
    EXPECT_STREQ(category->name(), "asyncio.resolver");

    EXPECT_THROW((void)loop.getaddrinfo("localhost", -1), std::invalid_argument);
    std::string e = co_await loopback::error_of(loop.getaddrinfo("127.0.0.1", "65536"));
    EXPECT_EQ(e, "asyncio: getaddrinfo: port 65536 is out of range (0 to 65535)");
    e = co_await loopback::error_of(loop.getaddrinfo("127.0.0.1", "99999999999999999999"));
    EXPECT_EQ(e, "asyncio: getaddrinfo: port 65536 is out of range (0 to 65535)");
    e = co_await loopback::error_of(loop.getaddrinfo("127.0.0.1", "no-such-service"));
    EXPECT_NE(e.find("host '127.0.0.1', service 'no-such-service'"), e.npos) << e;
    getaddrinfo_options options;
    options.family = address_family::ipv6;
    e = co_await loopback::error_of(loop.getaddrinfo("127.0.0.1", 80, options));
    EXPECT_NE(e.find("cannot resolve host '127.0.0.1'"), e.npos) << e;
}

TEST(getaddrinfo, says_what_it_could_not_find) { asyncio::run(fail_to_look_up()); }

coroutine<> cancel_a_lookup() {
    manual_executor& pool = install_manual_executor();
    event_loop& loop = asyncio::get_running_loop();
    auto t = asyncio::create_task(loop.getaddrinfo("localhost", 80));
    co_await rounds(2);
    EXPECT_FALSE(t.done());
    t.cancel();
    const std::string e = co_await loopback::error_of(std::move(t));
    EXPECT_EQ(e, "cancelled") << "although no thread has answered";

    auto before = asyncio::create_task(loop.getaddrinfo("localhost", 80));
    before.cancel();
    const std::string e2 = co_await loopback::error_of(std::move(before));
    EXPECT_EQ(e2, "cancelled");
    while (!pool.jobs.empty()) pool.run_one();
}

TEST(getaddrinfo, is_cancelled_at_once) { asyncio::run(cancel_a_lookup()); }

coroutine<> name_addresses() {
    event_loop& loop = asyncio::get_running_loop();
    using asyncio::numeric_names;
    asyncio::name_info n = co_await loop.getnameinfo(asyncio::socket_address("127.0.0.1", 80));
    EXPECT_EQ(n.host, "localhost");
    EXPECT_EQ(n.service, "http");
    n = co_await loop.getnameinfo(asyncio::socket_address("127.0.0.1", 80), numeric_names::host);
    EXPECT_EQ(n.host, "127.0.0.1");
    EXPECT_EQ(n.service, "http");
    n = co_await loop.getnameinfo(asyncio::socket_address("127.0.0.1", 80), numeric_names::service);
    EXPECT_EQ(n.service, "80");
    install_manual_executor();
    n = co_await loop.getnameinfo(asyncio::socket_address("::1", 80), numeric_names::both);
    EXPECT_EQ(n.host, "::1");
    EXPECT_EQ(n.service, "80");
    const std::string e = co_await loopback::error_of(
        loop.getnameinfo(asyncio::socket_address(), numeric_names::both));
    EXPECT_NE(e.find("cannot find the name of (unnamed)"), e.npos) << e;
}

TEST(getnameinfo, gives_names_and_numbers) { asyncio::run(name_addresses()); }

}  // namespace resolver_test
