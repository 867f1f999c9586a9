// What the tests of this room share: executors, of which one runs its jobs when it is told to and
// one at once, and what shows what they did.
#pragma once

#include <chrono>
#include <deque>
#include <utility>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/executor/executor.hpp"

class manual_executor final : public asyncio::executor {
   public:
    void execute(asyncio::executor_job job) override { jobs.push_back(std::move(job)); }
    std::size_t shutdown(asyncio::executor_shutdown_options options = {}) override {
        ++shutdowns;
        if (options.pending == asyncio::pending_jobs::cancel) jobs.clear();
        return jobs.size();
    }
    void run_one() {
        asyncio::executor_job job = std::move(jobs.front());
        jobs.pop_front();
        job();
    }
    std::deque<asyncio::executor_job> jobs;
    int shutdowns = 0;
};

class inline_executor final : public asyncio::executor {
   public:
    void execute(asyncio::executor_job job) override { job(); }
    std::size_t shutdown(asyncio::executor_shutdown_options = {}) override { return 0; }
};

/// Says where its copies are: how many of them live.
class counted {
   public:
    explicit counted(int& alive) noexcept : alive_(&alive) { ++*alive_; }
    counted(const counted& o) noexcept : alive_(o.alive_) { ++*alive_; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive_; }

   private:
    int* alive_;
};

/// Lets the others run until nobody can go on.
inline asyncio::coroutine<> settle() {
    for (int i = 0; i < 4; ++i) co_await asyncio::sleep(std::chrono::seconds(0));
}

/// What `f` throws, as text.
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (...) {
        return asyncio::detail::describe(std::current_exception());
    }
    return "no error";
}
