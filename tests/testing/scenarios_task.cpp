#include <string>

#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/task/async_generator.hpp"
#include "asyncio/testing/simulate.hpp"
#include "asyncio/testing/simulation.hpp"
#include "testing/scenarios.hpp"

namespace scenarios {

namespace {

using namespace std::chrono_literals;
using asyncio::async_generator;
using asyncio::coroutine;
using asyncio::sleep;
using asyncio::testing::expect;

// ---- generators ----

int open_files = 0;

struct file {
    file() { ++open_files; }
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    ~file() { --open_files; }
};

void all_files_are_closed() {
    if (open_files != 0) throw std::runtime_error("files are open: " + std::to_string(open_files));
}

async_generator<std::string> lines(int n) {
    const file f;
    for (int i = 0; i < n; ++i) {
        co_await sleep(1ms);
        co_yield "line " + std::to_string(i);
    }
}

coroutine<> reads_a_generator() {
    auto g = lines(3);
    int n = 0;
    for (auto line = co_await g.next(); line; line = co_await g.next())
        expect(*line == "line " + std::to_string(n++));
    expect(n == 3);
}

coroutine<> closes_a_generator() {
    auto g = lines(3);
    (void)co_await g.next();
    co_await g.aclose();
    expect(open_files == 0);
    const auto after = co_await g.next();
    expect(!after);
}

coroutine<> drops_a_generator() {
    {
        auto g = lines(3);
        (void)co_await g.next();
    }
    co_await sleep(1ms);
}

coroutine<> gives_a_generator_up() {
    auto g = lines(1000);
    try {
        for (;;) (void)co_await asyncio::wait_for(g.next(), 500us);
    } catch (const asyncio::timeout_error&) {
    }
    const auto after = co_await g.next();
    expect(!after, "a generator that was cancelled has ended");
}

async_generator<int> fails_later() {
    const file f;
    co_yield 1;
    co_await sleep(1ms);
    throw std::runtime_error("planned");
}

coroutine<> meets_a_generator_that_fails() {
    auto g = fails_later();
    const auto first = co_await g.next();
    expect(*first == 1);
    bool caught = false;
    try {
        (void)co_await g.next();
    } catch (const std::runtime_error&) {
        caught = true;
    }
    expect(caught);
}

// ---- a lock that a generator holds ----

async_generator<int> counts_under(asyncio::lock& l) {
    const auto guard = co_await l.scoped_acquire();
    for (int i = 0;; ++i) co_yield i;
}

coroutine<> generates_under_a_lock() {
    asyncio::lock l;
    {
        auto g = counts_under(l);
        for (int i = 0; i < 3; ++i) {
            const auto n = co_await g.next();
            expect(*n == i && l.locked());
        }
        co_await g.aclose();
    }
    expect(!l.locked());
}

// ---- several processes ----

coroutine<> a_process(int& started) {
    ++started;
    for (;;) co_await sleep(1s);
}

coroutine<> restarts_a_process() {
    int started = 0;
    const auto other = asyncio::testing::simulation::current().get_host("other");
    other.run(a_process, std::ref(started));
    for (int life = 0; life < 2; ++life) {
        const auto ended = other.join();
        co_await sleep(1ms);
        other.kill();
        const auto how = co_await asyncio::as_outcome(ended);
        if (!how.has_value()) how.value();
        if (life == 0) other.restart();
    }
    expect(started == 2);
}

}  // namespace

std::span<const scenario> of_task() {
    static constexpr scenario all[] = {
        {"reads a generator", reads_a_generator, all_files_are_closed},
        {"closes a generator", closes_a_generator, all_files_are_closed},
        {"drops a generator", drops_a_generator, all_files_are_closed},
        {"gives a generator up", gives_a_generator_up, all_files_are_closed},
        {"meets a generator that fails", meets_a_generator_that_fails, all_files_are_closed},
        {"generates under a lock", generates_under_a_lock, all_files_are_closed},
        {"restarts a process", restarts_a_process, nullptr},
    };
    return all;
}

}  // namespace scenarios
