// The forms that g++ 12 compiles correctly, for docs/gcc12.md.
//
// EXPECT-STDOUT: it is there
// EXPECT-STDOUT: 2 words
// EXPECT-STDOUT: 22 letters
// EXPECT-STDOUT: 22 letters
// EXPECT-STDOUT: 17 letters
// EXPECT-STDOUT: 10 letters
// EXPECT-STDOUT: 2 done
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

asyncio::coroutine<bool> exists() { co_return true; }

asyncio::coroutine<int> next(int& left) { co_return left > 0 ? left-- : 0; }

asyncio::coroutine<> conditions() {
    const bool there = co_await exists();
    if (there) std::puts("it is there");

    int left = 2;
    int words = 0;
    for (;;) {
        const int word = co_await next(left);
        if (word == 0) break;
        ++words;
    }
    std::printf("%d words\n", words);
}

std::size_t length(const std::string& text) { return text.size(); }

struct request {
    std::string url;
};
asyncio::coroutine<std::size_t> send(request r) { co_return r.url.size(); }

asyncio::coroutine<> temporaries() {
    const std::string text = "some letters in a heap";

    const auto job = [text] { return text.size(); };
    const std::size_t named = co_await asyncio::to_thread(job);
    std::printf("%zu letters\n", named);

    const std::size_t as_argument = co_await asyncio::to_thread(length, text);
    std::printf("%zu letters\n", as_argument);

    const request ping{.url = "http://localhost/"};
    const std::size_t sent = co_await send(ping);
    std::printf("%zu letters\n", sent);
}

asyncio::coroutine<std::size_t> reply(std::string text) { co_return text.size(); }

asyncio::coroutine<> choices(bool ok) {
    const std::string name = "Ada!";
    const std::string greeting = ok ? "hello " + name : std::string("nobody");
    const std::size_t replied = co_await reply(greeting);
    std::printf("%zu letters\n", replied);
}

asyncio::coroutine<> braces() {
    const auto a = asyncio::create_task(asyncio::sleep(1ms));
    const auto b = asyncio::create_task(asyncio::sleep(2ms));

    const std::vector tasks{a, b};
    const auto [done, pending] = co_await asyncio::wait(tasks);
    std::printf("%zu done\n", done.size());
}

asyncio::coroutine<> async_main() {
    co_await conditions();
    co_await temporaries();
    co_await choices(true);
    co_await braces();
}

int main() { asyncio::run(async_main()); }
