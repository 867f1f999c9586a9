// Programs that others wrote as peers: curl and nc as clients, nginx as a server. Without them the
// tests are skipped.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "asyncio/asyncio.hpp"
#include "streams/loopback.hpp"

namespace peers_test {

using asyncio::coroutine;
using asyncio::stream_reader;
using asyncio::stream_writer;
using namespace std::chrono_literals;

bool have(const std::string& program) {
    return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

/// What a shell command writes, and how it ends. Blocks.
std::string output_of(const std::string& command) {
    std::string text;
    std::FILE* f = ::popen((command + " 2>&1").c_str(), "r");
    if (f == nullptr) return "popen failed";
    std::array<char, 4096> buffer;
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), f))
        text.append(buffer.data(), n);
    const int status = ::pclose(f);
    return status == 0 ? text : text + "(status " + std::to_string(status) + ")";
}

coroutine<std::string> run_command(std::string command) {
    co_return co_await asyncio::to_thread(output_of, command);
}

/// As much of HTTP as curl needs.
coroutine<> serve_http(stream_reader reader, stream_writer writer) {
    for (;;) {
        const std::string request = co_await reader.readline();
        if (request.empty()) co_return;
        std::size_t length = 0;
        for (;;) {
            const std::string header = co_await reader.readline();
            if (header == "\r\n") break;
            if (header.starts_with("Content-Length: "))
                length = static_cast<std::size_t>(std::atoi(header.c_str() + 16));
        }
        const std::string body = co_await reader.readexactly(length);
        const std::string answer = request.substr(0, request.find(' ')) + " " +
                                   std::to_string(body.size()) + " " + std::string(100'000, 'x');
        writer.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) +
                     "\r\n\r\n");
        writer.write(answer);
        co_await writer.drain();
    }
}

coroutine<> be_curls_server() {
    const auto server = co_await asyncio::start_server(serve_http, "127.0.0.1", 0);
    const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
    const std::string x(100'000, 'x');
    // Two requests on one connection.
    std::string got = co_await run_command("curl -sS " + url + "a " + url + "b");
    EXPECT_EQ(got, "GET 0 " + x + "GET 0 " + x);
    const std::string post = "head -c 300000 /dev/zero | curl -sS -H 'Expect:' --data-binary @- ";
    got = co_await run_command(post + url);
    EXPECT_EQ(got, "POST 300000 " + x);
    got = co_await run_command("curl -sS --parallel --parallel-max 50 '" + url +
                               "[1-50]' | tr -d -c G | wc -c");
    EXPECT_EQ(got, "50\n");
}

TEST(peers, curl_is_served) {
    if (!have("curl")) GTEST_SKIP() << "there is no curl";
    asyncio::run(be_curls_server());
}

coroutine<> upper(stream_reader reader, stream_writer writer) {
    std::string text = co_await reader.read();
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    writer.write(text);
}

coroutine<> be_netcats_server() {
    const auto server = co_await asyncio::start_server(upper, "127.0.0.1", 0);
    // It closes its direction at the end of its input, and then reads on.
    const std::string got = co_await run_command("printf 'half-closed' | nc -N 127.0.0.1 " +
                                                 std::to_string(server.port()));
    EXPECT_EQ(got, "HALF-CLOSED");
}

TEST(peers, netcat_is_served) {
    if (!have("nc")) GTEST_SKIP() << "there is no nc";
    asyncio::run(be_netcats_server());
}

/// A web server on a free port, with one file.
class nginx {
   public:
    nginx() {
        std::string name = std::filesystem::temp_directory_path() / "asyncio-nginx-XXXXXX";
        folder_ = ::mkdtemp(name.data());
        std::ofstream(folder_ / "page.html") << std::string(250'000, 'p');
        std::filesystem::permissions(folder_, std::filesystem::perms::all);
        for (int attempt = 0; attempt < 10; ++attempt) {
            port_ = free_port();
            std::ofstream(folder_ / "nginx.conf")
                << "worker_processes 1; pid nginx.pid; error_log error.log; events {}\n"
                << "http { access_log off; client_body_temp_path t1; proxy_temp_path t2;\n"
                << " fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
                << " server { listen 127.0.0.1:" << port_ << "; root " << folder_.string()
                << "; } }\n";
            if (output_of(command()).find("(status") == std::string::npos) return;
        }
        port_ = 0;
    }
    nginx(const nginx&) = delete;
    nginx& operator=(const nginx&) = delete;
    ~nginx() {
        if (port_ != 0) (void)output_of(command() + " -s quit");
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    [[nodiscard]] int port() const { return port_; }

   private:
    static int free_port() {
        const auto loop = asyncio::new_event_loop();
        asyncio::socket s(*loop, asyncio::address_family::ipv4);
        s.bind(asyncio::socket_address("127.0.0.1", 0));
        return s.getsockname().port();
    }
    [[nodiscard]] std::string command() const {
        return "PATH=$PATH:/usr/sbin nginx -p " + folder_.string() + " -c " +
               (folder_ / "nginx.conf").string() + " -e " + (folder_ / "error.log").string();
    }
    std::filesystem::path folder_;
    int port_ = 0;
};

coroutine<std::string> fetch(int port, std::string connection) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write("GET /page.html HTTP/1.1\r\nHost: localhost\r\nConnection: " + connection +
                 "\r\n\r\n");
    const std::string status = co_await reader.readline();
    EXPECT_EQ(status, "HTTP/1.1 200 OK\r\n");
    const std::string headers = co_await reader.readuntil("\r\n\r\n");
    EXPECT_NE(headers.find("Content-Length: 250000\r\n"), headers.npos) << headers;
    std::string body;
    if (connection == "close")
        body = co_await reader.read();
    else
        body = co_await reader.readexactly(250'000);
    EXPECT_EQ(reader.at_eof(), connection == "close");
    co_return body;
}

coroutine<> be_nginxs_client(int port) {
    std::string body = co_await fetch(port, "close");
    EXPECT_EQ(body, std::string(250'000, 'p'));
    std::vector<asyncio::task<std::string>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(asyncio::create_task(fetch, port, i % 2 == 0 ? "close" : "keep-alive"));
    for (auto& t : all) {
        body = co_await std::move(t);
        EXPECT_EQ(body.size(), 250'000u);
    }
}

TEST(peers, nginx_serves) {
    if (!have("nginx") && !std::filesystem::exists("/usr/sbin/nginx"))
        GTEST_SKIP() << "there is no nginx";
    const nginx server;
    ASSERT_NE(server.port(), 0) << "nginx does not start";
    asyncio::run(be_nginxs_client(server.port()));
}

}  // namespace peers_test
