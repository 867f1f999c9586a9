// A small HTTP server on this machine, whose pages take their time.
#pragma once

#include <asyncio/asyncio.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

/// Serves a page under each path, after the path's delay. It must outlive its connections:
/// `co_await stop()` before it dies.
class page_server {
   public:
    using pages = std::map<std::string, std::chrono::milliseconds>;

    explicit page_server(pages delays) : delays_(std::move(delays)) {}

    asyncio::coroutine<> start() {
        const auto serve = [this](asyncio::stream_reader reader, asyncio::stream_writer writer) {
            return answer(std::move(reader), std::move(writer));
        };
        server_ = co_await asyncio::start_server(serve, "127.0.0.1", 0);
    }
    asyncio::coroutine<> stop() {
        server_->close();
        co_await server_->wait_closed();
    }
    [[nodiscard]] int port() const { return server_->port(); }

   private:
    asyncio::coroutine<> answer(asyncio::stream_reader reader, asyncio::stream_writer writer) {
        const std::string head = co_await reader.readuntil("\r\n\r\n");
        const std::string path = head.substr(4, head.find(' ', 4) - 4);  // "GET /path HTTP/1.1"
        const auto page = delays_.find(path);
        if (page == delays_.end()) {
            send(writer, "404 Not Found", "There is no page " + path + "\n");
        } else {
            co_await asyncio::sleep(page->second);
            send(writer, "200 OK", "<h1>" + path.substr(1) + "</h1>\n");
        }
        co_await writer.drain();
    }
    static void send(asyncio::stream_writer& writer, const std::string& status,
                     const std::string& body) {
        writer.write("HTTP/1.1 " + status + "\r\nContent-Type: text/html\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
    }

    pages delays_;
    std::optional<asyncio::server> server_;
};
