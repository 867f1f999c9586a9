#include "asyncio/executor/executor.hpp"

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "asyncio/executor/thread_pool_executor.hpp"
#include "asyncio/executor/to_thread.hpp"
#include "executor/executor_room.hpp"

namespace asyncio {

void executor_job::operator()() noexcept {
    const auto work = std::move(work_);
    if (work && work->begin()) work->run_work();
}

void executor_job::drop() noexcept {
    if (const auto work = std::move(work_))
        work->cancel(detail::make_cancel("its executor has dropped the job", cancel_kind::shutdown,
                                         {}, std::source_location::current()));
}

namespace detail {

executor_room::~executor_room() {
    box->close();
    if (pool) pool->shutdown({.timeout = std::chrono::seconds(0), .pending = pending_jobs::cancel});
    while (!entries.empty()) entries.front().loop_closed();
}

executor_room& executor_room::of(event_loop& loop) {
    auto& slot = loop.slots[event_loop::executor_slot];
    if (!slot) slot = std::make_unique<executor_room>(loop);
    return static_cast<executor_room&>(*slot);
}

namespace {

constexpr executor_shutdown_options without_waiting{.timeout = std::chrono::seconds(0)};

std::string late_threads_text(std::size_t threads, delay timeout) {
    char text[256];
    std::snprintf(text, sizeof text,
                  "asyncio: the default executor did not end within %.3f s: %zu %s still busy and "
                  "left behind (make the calls shorter, or the shutdown deadline longer)",
                  std::chrono::duration<double>(timeout.nanoseconds()).count(), threads,
                  threads == 1 ? "thread is" : "threads are");
    return text;
}

}  // namespace
}  // namespace detail

void event_loop::set_default_executor(std::unique_ptr<executor> pool) {
    check_usable("set_default_executor");
    if (!pool)
        throw std::invalid_argument(
            "asyncio: set_default_executor: the executor is null: pass "
            "std::make_unique<thread_pool_executor>(...)");
    auto& room = detail::executor_room::of(*this);
    if (simulated && room.pool) return;  // a simulation keeps its own
    const std::shared_ptr<executor> before = std::exchange(room.pool, std::move(pool));
    if (before) before->shutdown(detail::without_waiting);
}

executor& event_loop::default_executor() {
    check_usable("default_executor");
    auto& room = detail::executor_room::of(*this);
    if (room.shut_down)
        throw std::runtime_error(
            "asyncio: the default executor has been shut down: it takes no more calls");
    if (!room.pool)
        room.pool = std::make_shared<thread_pool_executor>(
            thread_pool_options{.thread_name_prefix = "asyncio"});
    return *room.pool;
}

future<void> event_loop::shutdown_default_executor(delay timeout) {
    check_usable("shutdown_default_executor");
    auto& room = detail::executor_room::of(*this);
    room.shut_down = true;
    future<> ended = create_future<>();
    if (!room.pool || room.pool->shutdown(detail::without_waiting) == 0) {
        ended.set_result();
        return ended;
    }
    // The loop goes on meanwhile, because what the threads do may need it: a thread waits for them.
    thread_pool_executor waiter({.max_workers = 1, .thread_name_prefix = "asyncio-join"});
    const auto wait = [pool = room.pool, timeout] { return pool->shutdown({.timeout = timeout}); };
    const future<std::size_t> left = run_in_executor(&waiter, wait);
    waiter.shutdown(detail::without_waiting);
    left.add_done_callback([this, ended, timeout](const future<std::size_t>& f) {
        if (ended.done()) return;
        if (std::exception_ptr error = f.exception()) {
            ended.set_exception(std::move(error));
            return;
        }
        if (f.result() > 0)
            call_exception_handler({.message = detail::late_threads_text(f.result(), timeout),
                                    .exception = nullptr,
                                    .task_name = {},
                                    .details = {}});
        ended.set_result();
    });
    return ended;
}

}  // namespace asyncio
