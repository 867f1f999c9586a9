// The right forms of docs/lifetimes.md.
//
// EXPECT-STDOUT: hello, Ada
// EXPECT-STDOUT: hello, Grace
// EXPECT-STDOUT: hello, Barbara
// EXPECT-STDOUT: 2 requests
// EXPECT-STDOUT: 4 bytes: ping
// EXPECT-STDOUT: saved
#include <array>
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

using namespace std::chrono_literals;

asyncio::coroutine<> greet(std::string name) {  // by value: the frame owns it
    co_await asyncio::sleep(1ms);
    std::printf("hello, %s\n", name.c_str());
}

asyncio::coroutine<> arguments() {
    std::string name = "Ada";
    const auto task = asyncio::create_task(greet, name);  // the task has its own copy
    name = "nobody";
    co_await task;
}

asyncio::coroutine<> captures() {
    const std::string name = "Grace";
    // The callable goes to create_task, which keeps it, instead of being called here.
    const auto task =
        asyncio::create_task([name]() -> asyncio::coroutine<> { co_await greet(name); });
    co_await task;
}

asyncio::coroutine<> greet_in_place(const std::string& name) { co_await greet(name); }

asyncio::coroutine<> temporaries() {
    co_await greet_in_place("Barbara");  // awaited in the expression that makes the argument
}

class counter : public std::enable_shared_from_this<counter> {
   public:
    static asyncio::coroutine<> count(std::shared_ptr<counter> self) {  // it keeps the object
        co_await asyncio::sleep(1ms);
        ++self->requests_;
    }
    void start() { asyncio::create_task(count, shared_from_this()); }
    [[nodiscard]] int requests() const { return requests_; }

   private:
    int requests_ = 0;
};

asyncio::coroutine<> objects() {
    const auto requests = std::make_shared<counter>();
    requests->start();
    requests->start();
    co_await asyncio::sleep(10ms);
    std::printf("%d requests\n", requests->requests());
}

asyncio::coroutine<> ping(asyncio::stream_reader, asyncio::stream_writer writer) {
    writer.write("ping");  // what is not sent at once is copied
    co_await writer.drain();
}

asyncio::coroutine<> buffers() {
    const auto server = co_await asyncio::start_server(ping, "127.0.0.1", 0);
    auto [reader, writer] = co_await asyncio::open_connection("127.0.0.1", server.port());
    std::array<char, 64> buffer;  // in this frame: it lives as long as the call that fills it
    const std::size_t n = co_await reader.read_into(buffer);
    std::printf("%zu bytes: %.*s\n", n, static_cast<int>(n), buffer.data());
}

asyncio::coroutine<> save() {
    co_await asyncio::sleep(1ms);
    std::puts("saved");
}

asyncio::coroutine<> ending() {
    const auto saving = asyncio::create_task(save);
    co_await saving;  // without this, run() would cancel it when main ends
}

asyncio::coroutine<> async_main() {
    co_await arguments();
    co_await captures();
    co_await temporaries();
    co_await objects();
    co_await buffers();
    co_await ending();
}

int main() { asyncio::run(async_main()); }
