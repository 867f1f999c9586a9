// What the tests of this room share: coroutines that end in every way, awaitables of other
// libraries, and loops driven by hand.
#pragma once

#include <coroutine>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/task.hpp"
#include "asyncio/testing/simulate.hpp"

namespace situations {

using namespace std::chrono_literals;

inline const std::string timed_out = "asyncio::timeout_error: asyncio: timed out";

/// The type and the text of an exception; of a timeout only what all of them say.
inline std::string describe(const std::exception_ptr& e) {
    std::string text = asyncio::detail::describe(e);
    if (text.starts_with(timed_out)) text.resize(timed_out.size());
    return text;
}

/// What `f` throws, as text; empty if it throws nothing.
template <class F>
std::string error_of(F&& f) {
    try {
        (void)f();
    } catch (...) {
        return describe(std::current_exception());
    }
    return {};
}

/// How awaiting it ends: "done", "cancelled: ..." or the exception's type and text.
template <class A>
asyncio::coroutine<std::string> ending(A aw) {
    std::string text = "done";
    try {
        (void)co_await std::move(aw);
    } catch (const asyncio::cancelled_error& e) {
        text = "cancelled";
        if (!e.message().empty()) text += ": " + std::string(e.message());
    } catch (...) {
        text = describe(std::current_exception());
    }
    co_return text;
}

/// Lets the others run.
inline asyncio::coroutine<> rounds(int n) {
    for (int i = 0; i < n; ++i) co_await asyncio::sleep(0s);
}

template <class T>
asyncio::coroutine<T> give(T value, int after_rounds = 0) {
    co_await rounds(after_rounds);
    co_return std::move(value);
}

inline asyncio::coroutine<int> fail(std::string what, int after_rounds = 0) {
    co_await rounds(after_rounds);
    throw std::runtime_error(what);
}

/// Says what happens to it. Ends when `f` is done; a cancel takes two more rounds of clean-up.
inline asyncio::coroutine<int> worker(std::string name, asyncio::future<int> f,
                                      std::vector<std::string>& log) {
    std::exception_ptr cancel;
    try {
        const int value = co_await f;
        log.push_back(name + " done");
        co_return value;
    } catch (const asyncio::cancelled_error&) {
        cancel = std::current_exception();
    }
    log.push_back(name + " cancelled");
    co_await rounds(2);
    log.push_back(name + " cleaned up");
    std::rethrow_exception(cancel);
}

/// Refuses to be cancelled, once.
inline asyncio::coroutine<int> stubborn(int value) {
    try {
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
    }
    co_await rounds(1);
    co_return value;
}

/// Fails while it is being cancelled.
inline asyncio::coroutine<int> fails_in_cleanup(std::string what) {
    try {
        co_await asyncio::sleep(1h);
    } catch (const asyncio::cancelled_error&) {
        throw std::runtime_error(what);
    }
    co_return 0;
}

inline asyncio::coroutine<int> forever() {
    co_await asyncio::sleep(1h);
    co_return 0;
}

inline asyncio::future<int> new_future() {
    return asyncio::get_running_loop().create_future<int>();
}

/// A vector; g++ 12 refuses a braced list beside a co_await.
template <class T, class... More>
std::vector<T> list(T first, More... more) {
    std::vector<T> all;
    all.push_back(std::move(first));
    (all.push_back(std::move(more)), ...);
    return all;
}

/// Runs it on a virtual clock, first in, first out: timers of one moment are due in one round.
template <class F>
void on_virtual_time(F main) {
    asyncio::testing::simulate_options options;
    options.strategy = asyncio::testing::scheduling::fifo;
    asyncio::testing::simulate(main, options);
}

/// Blocks the loop for a while.
inline void block_for(std::chrono::nanoseconds d) {
    asyncio::event_loop& loop = asyncio::get_running_loop();
    const asyncio::time_point until = loop.time() + d;
    while (loop.time() < until) {
    }
}

/// Another library's awaitable: resumes whoever awaits it inside await_suspend.
class inline_foreign {
   public:
    explicit inline_foreign(int value) : value_(value) {}
    auto operator co_await() const {
        struct awaiter {
            explicit awaiter(int v) : value(v) {}
            static bool await_ready() noexcept { return false; }
            static void await_suspend(std::coroutine_handle<> h) { h.resume(); }
            [[nodiscard]] int await_resume() const noexcept { return value; }
            int value;
        };
        return awaiter(value_);
    }

   private:
    int value_;
};

/// Another library's awaitable: resumes whoever awaits it on a thread of its own.
class threaded_foreign {
   public:
    explicit threaded_foreign(int value) : value_(value) {}
    auto operator co_await() const {
        class awaiter {
           public:
            explicit awaiter(int v) : value_(v) {}
            awaiter(awaiter&&) = default;
            awaiter& operator=(awaiter&&) = delete;
            ~awaiter() {
                if (thread_.joinable()) thread_.join();
            }
            static bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<> h) {
                thread_ = std::thread([h] { h.resume(); });
            }
            [[nodiscard]] int await_resume() const noexcept { return value_; }

           private:
            int value_;
            std::thread thread_;
        };
        return awaiter(value_);
    }

   private:
    int value_;
};

/// Another library's awaitable that is resumed when the test says so.
class manual_foreign {
   public:
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiting = h; }
    static int await_resume() noexcept { return 7; }
    std::coroutine_handle<> waiting;
};

/// Everything that a loop's exception handler was told.
class reports {
   public:
    explicit reports(asyncio::event_loop& loop) {
        loop.set_exception_handler(
            [this](asyncio::event_loop&, const asyncio::exception_context& c) {
                std::string text = c.message;
                if (c.exception) text += ": " + asyncio::detail::describe(c.exception);
                all.push_back(std::move(text));
            });
    }
    std::vector<std::string> all;
};

/// Runs a task until nothing is ready any more, and then closes the loop under it.
template <class F>
void close_in_the_middle(F main) {
    auto loop = asyncio::new_event_loop();
    const reports heard(*loop);
    loop->create_task(main);
    loop->run_ready();
    loop->close();
}

}  // namespace situations
