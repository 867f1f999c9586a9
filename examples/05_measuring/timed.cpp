// A wrapper that measures any coroutine: it takes a coroutine, and is one.
//
// EXPECT-STDOUT: begins: all
// EXPECT-STDOUT: begins: load 2
// EXPECT-STDOUT: ends:   load 1
// EXPECT-STDOUT: ends:   load 2
// EXPECT-STDOUT: ends:   all
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

using namespace std::chrono_literals;

/// Reports when it dies, however that comes about.
class stopwatch {
   public:
    explicit stopwatch(std::string name) : name_(std::move(name)) {
        std::printf("  begins: %s\n", name_.c_str());
    }
    stopwatch(const stopwatch&) = delete;
    stopwatch& operator=(const stopwatch&) = delete;
    ~stopwatch() {
        const std::chrono::duration<double> took = asyncio::clock::now() - start_;
        std::printf("  ends:   %-7s %.2f s\n", name_.c_str(), took.count());
    }

   private:
    std::string name_;
    asyncio::time_point start_ = asyncio::clock::now();
};

template <class T>
asyncio::coroutine<T> timed(std::string name, asyncio::coroutine<T> measured) {
    const stopwatch watch(std::move(name));
    co_return co_await std::move(measured);
}

asyncio::coroutine<int> load(std::chrono::milliseconds wait) {
    co_await asyncio::sleep(wait);
    co_return static_cast<int>(wait.count());
}

asyncio::coroutine<int> load_all() {
    const auto [a, b] =
        co_await asyncio::gather(timed("load 1", load(100ms)), timed("load 2", load(200ms)));
    co_return a + b;
}

int main() {
    std::puts("Coroutines can be measured from outside.");
    asyncio::run(timed("all", load_all()));
}
