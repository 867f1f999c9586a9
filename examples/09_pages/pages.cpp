// All of it together: pages of a real HTTP server, fetched at once over real sockets with tasks,
// gather, a timeout, a cancel and a shield; then the picture of who waited when.
//
// EXPECT-STDOUT: wait_for: the ad took too long
// EXPECT-STDOUT: shield: the report takes longer than expected
// EXPECT-STDOUT: gather: 3 pictures
// EXPECT-STDOUT: create_task: 200 OK
// EXPECT-STDOUT: ├─────────┼
// EXPECT-STDOUT: timed out
// EXPECT-STDOUT: █████
// EXPECT-STDOUT: cancelled
// EXPECT-STDOUT: waits at a time
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "page_server.hpp"
#include "timeline.hpp"

using namespace std::chrono_literals;

/// Fetches a page; gives its status and size.
asyncio::coroutine<std::string> get(int port, std::string path) {
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", port);
    writer.write("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string status = co_await reader.readline();  // "HTTP/1.1 200 OK\r\n"
    co_await reader.readuntil("\r\n\r\n");                  // the other headers
    const std::string body = co_await reader.read();        // up to the end
    co_return status.substr(9, status.size() - 11) + ", " + std::to_string(body.size()) + " bytes";
}

/// The same, with a bar in the picture.
asyncio::coroutine<std::string> fetch(timeline& picture, int port, std::string page) {
    const auto bar = picture.begin(page);
    try {
        std::string answer = co_await get(port, "/" + page);
        picture.end(bar, timeline::ending::done);
        co_return answer;
    } catch (const asyncio::cancelled_error& e) {
        const bool late = e.reason().kind == asyncio::cancel_kind::deadline;
        picture.end(bar, late ? timeline::ending::timed_out : timeline::ending::cancelled);
        throw;
    }
}

asyncio::coroutine<> browse(int port) {
    timeline picture;
    const auto start = [&](std::string page) {
        return asyncio::create_task(fetch, std::ref(picture), port, std::move(page));
    };
    // Tasks begin at once, beside each other ...
    const auto home = start("home");
    const auto news = start("news");
    const auto report = start("report");
    const auto video = start("video");
    auto pictures = asyncio::gather(fetch(picture, port, "cat"), fetch(picture, port, "dog"),
                                    fetch(picture, port, "owl"));

    // ... and run on while this coroutine waits for one or another.
    try {
        co_await asyncio::wait_for(fetch(picture, port, "ad"), 150ms);
    } catch (const asyncio::timeout_error&) {
        std::puts("  wait_for: the ad took too long; a smaller one instead");
    }
    const auto small_ad = start("small_ad");
    video.cancel("the user scrolled on");
    try {
        co_await asyncio::wait_for(asyncio::shield(report), 150ms);
    } catch (const asyncio::timeout_error&) {
        std::puts("  shield: the report takes longer than expected; it goes on");
    }
    const auto [cat, dog, owl] = co_await std::move(pictures);
    std::printf("  gather: 3 pictures (%s; %s; %s)\n", cat.c_str(), dog.c_str(), owl.c_str());
    const std::string page = co_await home;
    std::printf("  create_task: %s\n", page.c_str());

    const std::vector<asyncio::task<std::string>> others{news, report, video, small_ad};
    co_await asyncio::wait(others);
    picture.print();
}

asyncio::coroutine<> async_main() {
    page_server server({{"/home", 120ms},
                        {"/news", 260ms},
                        {"/report", 480ms},
                        {"/video", 5s},
                        {"/cat", 180ms},
                        {"/dog", 300ms},
                        {"/owl", 350ms},
                        {"/ad", 5s},
                        {"/small_ad", 100ms}});
    co_await server.start();
    std::printf("  serving http://127.0.0.1:%d\n", server.port());
    co_await browse(server.port());
    co_await server.stop();
}

int main() {
    std::puts("Nine pages at once, over real sockets.");
    asyncio::run(async_main());
}
