#include "asyncio/streams/start_server.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace start_server_test {

using asyncio::coroutine;
using asyncio::server;
using asyncio::stream_reader;
using asyncio::stream_writer;
using loopback::code_of;
using loopback::echo;
using loopback::error_of;
using loopback::until;
using namespace std::chrono_literals;

coroutine<std::string> talk(asyncio::connection c, std::string text) {
    c.writer.write(text);
    c.writer.write_eof();
    co_return co_await c.reader.read();
}

// ---- where it listens ----

coroutine<> listen_everywhere() {
    const server s = co_await asyncio::start_server(echo, "", 0);
    std::set<std::uint16_t> ports;
    for (const auto& a : s.addresses()) ports.insert(a.port());
    EXPECT_EQ(ports.size(), 1u) << "every address has the same port";
    EXPECT_NE(s.port(), 0);
    const std::string got =
        co_await talk(co_await asyncio::open_connection("127.0.0.1", s.port()), "hello");
    EXPECT_EQ(got, "hello");
}

TEST(start_server, listens_on_every_address) { asyncio::run(listen_everywhere()); }

coroutine<> listen_on_several() {
    std::vector<std::string> hosts;
    hosts.emplace_back("127.0.0.1");
    hosts.emplace_back("127.0.0.2");
    hosts.emplace_back("127.0.0.1");
    const server s = co_await asyncio::start_server(echo, hosts, 0);
    EXPECT_EQ(s.addresses().size(), 2u) << "a host that is named twice counts once";
    for (const auto& a : s.addresses()) {
        const std::string got =
            co_await talk(co_await asyncio::open_connection(a.ip(), a.port()), a.ip());
        EXPECT_EQ(got, a.ip());
    }
    const std::string none =
        co_await error_of(asyncio::start_server(echo, std::vector<std::string>(), 0));
    EXPECT_EQ(none, "asyncio: start_server: there are no hosts");
}

TEST(start_server, listens_on_several_hosts) { asyncio::run(listen_on_several()); }

coroutine<> refuse_bad_requests() {
    std::string e = co_await error_of(asyncio::start_server(echo, "127.0.0.1", 65536));
    EXPECT_EQ(e, "asyncio: start_server: port 65536 is out of range (0 to 65535)");
    e = co_await error_of(asyncio::start_server(echo, "127.0.0.1", -1));
    EXPECT_EQ(e, "asyncio: start_server: port -1 is out of range (0 to 65535)");
    e = co_await error_of(asyncio::start_server(echo, "no-such-name.invalid", 0));
    EXPECT_NE(e.find("cannot resolve host 'no-such-name.invalid', service '0'"), e.npos) << e;
    asyncio::start_server_options options;
    options.backlog = 0;
    e = co_await error_of(asyncio::start_server(echo, "127.0.0.1", 0, options));
    EXPECT_NE(e.find("the backlog must be at least 1"), e.npos) << e;
    e = co_await error_of(asyncio::start_server(echo, "192.0.2.1", 0));
    EXPECT_NE(e.find("cannot listen on 192.0.2.1:0"), e.npos) << e;

    const server first = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    std::string text;
    std::error_code code;
    try {
        (void)co_await asyncio::start_server(echo, "127.0.0.1", first.port());
    } catch (const std::system_error& error) {
        text = error.what();
        code = error.code();
    }
    EXPECT_EQ(code, std::errc::address_in_use);
    const std::string where = "127.0.0.1:" + std::to_string(first.port());
    EXPECT_NE(text.find("cannot listen on " + where), text.npos) << text;
    coroutine<> (*no_handler)(stream_reader, stream_writer) = nullptr;
    EXPECT_THROW((void)asyncio::start_server(no_handler, "127.0.0.1", 0), std::invalid_argument);
}

TEST(start_server, explains_what_it_refuses) { asyncio::run(refuse_bad_requests()); }

coroutine<> share_a_port() {
    asyncio::start_server_options shared;
    shared.reuse_port = true;
    shared.keep_alive = true;
    shared.family = asyncio::address_family::ipv4;
    const server first = co_await asyncio::start_server(echo, "localhost", 0, shared);
    const server second = co_await asyncio::start_server(echo, "localhost", first.port(), shared);
    EXPECT_EQ(first.port(), second.port());
}

TEST(start_server, shares_a_port_on_request) { asyncio::run(share_a_port()); }

coroutine<> read_with_a_limit(stream_reader reader, stream_writer writer) {
    const std::string e = co_await error_of(reader.readuntil("\n"));
    writer.write(e.find("the limit of 10 bytes") != e.npos ? "limited" : e);
}

coroutine<> limit_the_readers() {
    asyncio::start_server_options options;
    options.limit = 10;
    const server s = co_await asyncio::start_server(read_with_a_limit, "127.0.0.1", 0, options);
    const std::string got = co_await talk(co_await asyncio::open_connection("127.0.0.1", s.port()),
                                          "longer than ten bytes\n");
    EXPECT_EQ(got, "limited");
}

TEST(start_server, gives_its_readers_a_limit) { asyncio::run(limit_the_readers()); }

// ---- many clients ----

coroutine<> one_client(int port, int id) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    const std::string nonce = "client " + std::to_string(id) + std::string(100, '.');
    for (int i = 0; i < 5; ++i) {
        writer.write(nonce);
        const std::string got = co_await reader.readexactly(nonce.size());
        EXPECT_EQ(got, nonce);
    }
    writer.close();
    co_await writer.wait_closed();
}

coroutine<> serve_a_thousand() {
    const std::size_t before = loopback::descriptors();
    asyncio::start_server_options options;
    options.backlog = 1000;  // else the kernel drops some and asks again a second later
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0, options);
    std::vector<asyncio::task<>> clients;
    for (int i = 0; i < 1000; ++i) clients.push_back(asyncio::create_task(one_client, s.port(), i));
    for (const auto& c : clients) co_await c;
    s.close();
    co_await s.wait_closed();
    EXPECT_EQ(loopback::descriptors(), before);
}

TEST(start_server, serves_a_thousand_clients_at_once) {
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 4096) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    asyncio::run(serve_a_thousand());
}

// ---- out of descriptors ----

/// No descriptor above the given number can be opened while it lives.
class descriptor_limit {
   public:
    explicit descriptor_limit(rlim_t n) {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit lower = before_;
        lower.rlim_cur = n;
        setrlimit(RLIMIT_NOFILE, &lower);
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { setrlimit(RLIMIT_NOFILE, &before_); }

   private:
    rlimit before_{};
};

coroutine<> run_out_of_descriptors() {
    auto& loop = asyncio::get_running_loop();
    std::vector<std::string> reports;
    loop.set_exception_handler([&](asyncio::event_loop&, const asyncio::exception_context& c) {
        reports.push_back(c.message + ": " + asyncio::detail::describe(c.exception));
    });
    const server s = co_await asyncio::start_server(echo, "127.0.0.1", 0);
    const asyncio::socket_address where = s.addresses().at(0);
    // First with descriptors: the undefined behaviour sanitizer needs some for what it sees first.
    loop.call_exception_handler({.message = {}, .exception = {}, .task_name = {}, .details = {}});
    reports.clear();
    for (const bool scarce : {false, true}) {
        // The client has its descriptor before there are no more.
        const int spare = ::dup(0);
        const asyncio::socket client(asyncio::address_family::ipv4);
        std::optional<descriptor_limit> none;
        if (scarce) none.emplace(static_cast<rlim_t>(spare));
        co_await loop.sock_connect(client, where);
        co_await loop.sock_sendall(client, "hello");
        if (scarce) {
            co_await until([&] { return !reports.empty(); });
            const auto turns = loop.turns;
            co_await asyncio::sleep(20ms);
            EXPECT_LT(loop.turns - turns, 10u) << "it does not spin";
            none.reset();
        }
        ::close(spare);
        const std::string got = co_await loop.sock_recv(client, 100);
        EXPECT_EQ(got, "hello") << "it has recovered";
    }
    EXPECT_EQ(reports.size(), 1u);
    EXPECT_NE(reports.at(0).find("accept on " + where.to_string() + " failed"), std::string::npos);
    EXPECT_NE(reports.at(0).find("tried again in a second"), std::string::npos);
    EXPECT_NE(reports.at(0).find("Too many open files"), std::string::npos);
}

TEST(start_server, pauses_when_there_are_no_descriptors) { asyncio::run(run_out_of_descriptors()); }

// ---- Unix sockets ----

class a_directory {
   public:
    a_directory() {
        std::string name = std::filesystem::temp_directory_path() / "asyncio-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    a_directory(const a_directory&) = delete;
    a_directory& operator=(const a_directory&) = delete;
    ~a_directory() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

   private:
    std::filesystem::path path_;
};

coroutine<> serve_a_file() {
    const a_directory dir;
    const std::string path = dir.file("s");
    {
        const server s = co_await asyncio::start_unix_server(echo, path);
        EXPECT_EQ(s.addresses().at(0), asyncio::socket_address::unix_path(path));
        auto c = co_await asyncio::open_unix_connection(path);
        EXPECT_EQ(c.writer.peername().to_string(), "unix:" + path);
        const std::string got = co_await talk(std::move(c), "hello");
        EXPECT_EQ(got, "hello");
        EXPECT_TRUE(std::filesystem::exists(path));
        s.close();
        EXPECT_FALSE(std::filesystem::exists(path)) << "it removes its own file";
    }
    {
        const server s = co_await asyncio::start_unix_server(echo, path);
        std::filesystem::remove(path);
        const server other = co_await asyncio::start_unix_server(echo, path);
        s.close();
        EXPECT_TRUE(std::filesystem::exists(path)) << "the file of somebody else stays";
    }
    {
        asyncio::start_unix_server_options keep;
        keep.cleanup_socket = false;
        const server s = co_await asyncio::start_unix_server(echo, path, keep);
        s.close();
        EXPECT_TRUE(std::filesystem::exists(path));
        const server next = co_await asyncio::start_unix_server(echo, path);
        EXPECT_TRUE(next.is_serving()) << "a file that is left over is replaced";
        next.close();
    }
    std::ofstream(path) << "not a socket";
    const std::error_code code = co_await code_of(asyncio::start_unix_server(echo, path));
    EXPECT_EQ(code, std::errc::address_in_use);
    EXPECT_TRUE(std::filesystem::is_regular_file(path)) << "a file of another kind stays";
    const std::string e = co_await error_of(asyncio::start_unix_server(echo, ""));
    EXPECT_EQ(e, "asyncio: the path of a Unix socket is empty");
}

TEST(start_unix_server, owns_its_file) { asyncio::run(serve_a_file()); }

TEST(start_unix_server, removes_its_file_with_its_loop) {
    const a_directory dir;
    const std::string path = dir.file("s");
    auto main = [](std::string where) -> coroutine<> {
        const server s = co_await asyncio::start_unix_server(echo, where);
        EXPECT_TRUE(std::filesystem::exists(where));
    };
    asyncio::run(main(path));
    EXPECT_FALSE(std::filesystem::exists(path));
}

coroutine<> unix_client(std::string path) {
    auto c = co_await asyncio::open_unix_connection(path);
    const std::string got = co_await talk(std::move(c), "hello");
    EXPECT_EQ(got, "hello");
}

coroutine<> overflow_the_backlog() {
    // A name in the abstract space needs no file.
    const std::string name = std::string(1, '\0') + "asyncio-test-" + std::to_string(::getpid());
    asyncio::start_unix_server_options options;
    options.backlog = 1;
    const server s = co_await asyncio::start_unix_server(echo, name, options);
    EXPECT_EQ(s.addresses().at(0).path(), name);
    std::vector<asyncio::task<>> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(asyncio::create_task(unix_client, name));
    for (const auto& c : clients) co_await c;
}

TEST(start_unix_server, makes_clients_wait_for_its_backlog) {
    asyncio::run(overflow_the_backlog());
}

}  // namespace start_server_test
