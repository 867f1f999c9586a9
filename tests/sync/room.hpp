// What the tests of this room share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace room {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::run;
using asyncio::task;
using words = std::vector<std::string>;

/// Lets the others run for `n` rounds.
inline coroutine<> rounds(int n = 1) {
    for (int i = 0; i < n; ++i) co_await asyncio::sleep(0s);
}

/// Lets the others run until nobody can go on.
inline coroutine<> settle() { return rounds(12); }

/// Takes an item and logs who got it.
template <class Q>
coroutine<> get(Q& q, std::string name, words& log) {
    auto item = co_await q.get();
    log.push_back(name + " " + std::string(item));
}

template <class Q>
coroutine<> put(Q& q, std::string item) {
    co_await q.put(std::move(item));
}

/// How a task stands: "pending", "done", "cancelled", or the type and text of its error.
template <class T>
std::string state(const task<T>& t) {
    if (!t.done()) return "pending";
    if (t.cancelled()) return "cancelled";
    const std::exception_ptr e = t.exception();
    return e ? asyncio::detail::describe(e) : "done";
}

/// What `f` throws, as text; empty if it throws nothing.
template <class F>
std::string error_of(F&& f) {
    try {
        (void)f();
    } catch (...) {
        return asyncio::detail::describe(std::current_exception());
    }
    return {};
}

/// How awaiting it ends: "done", "cancelled: <message>", or the type and text of its error.
template <class A>
coroutine<std::string> ending(A aw) {
    std::string text = "done";
    try {
        (void)co_await std::move(aw);
    } catch (const asyncio::cancelled_error& e) {
        text = "cancelled: " + std::string(e.message());
    } catch (...) {
        text = asyncio::detail::describe(std::current_exception());
    }
    co_return text;
}

/// In how many rounds `aw` is done: 0 if it does not suspend.
template <class A>
coroutine<std::uint64_t> rounds_of(A aw) {
    const std::uint64_t before = asyncio::get_running_loop().turns;
    (void)co_await std::move(aw);
    co_return asyncio::get_running_loop().turns - before;
}

/// A loop whose reports are kept.
class listening_loop {
   public:
    listening_loop() : loop_(asyncio::new_event_loop()) {
        loop_->set_exception_handler(
            [this](asyncio::event_loop&, const asyncio::exception_context& context) {
                std::string text = context.message;
                if (context.exception) text += ": " + asyncio::detail::describe(context.exception);
                reports.push_back(std::move(text));
            });
    }
    asyncio::event_loop& operator*() const { return *loop_; }
    asyncio::event_loop* operator->() const { return loop_.get(); }
    void close() { loop_.reset(); }
    words reports;

   private:
    std::unique_ptr<asyncio::event_loop> loop_;
};

}  // namespace room
