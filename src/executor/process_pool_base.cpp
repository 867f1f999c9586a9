#include "asyncio/executor/process_pool_base.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "executor/executor_room.hpp"
#include "executor/pool_watch.hpp"
#include "executor/process_pool.hpp"
#include "sys/thread_name.hpp"

namespace asyncio {

namespace detail {

// ---- Threads that wait --------------------------------------------------------------------------

void process_pool::ensure_thread() {
    if (thread_.joinable()) return;
    thread_ = std::thread([this] { serve_threads(); });
}

void process_pool::serve_threads() noexcept {
    set_thread_name("asyncio-results", 0);
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            thread_needed_.wait(
                lock, [this] { return unfinished_of_threads_ > 0 || !rooms_.empty() || over_; });
            if (over_) return;
        }
        std::uint64_t key[1];
        (void)set_.wait(key, delay::forever());
        pump();
    }
}

// ---- What is asked of it ------------------------------------------------------------------------

std::vector<int> process_pool::worker_pids() {
    pump();  // deaths that nobody has heard of yet
    std::vector<int> pids;
    const std::lock_guard lock(mutex_);
    for (const auto& w : workers_)
        if (!w->doomed && !w->gone) pids.push_back(w->pid);
    return pids;
}

std::size_t process_pool::pending() {
    const std::lock_guard lock(mutex_);
    return queued_;
}

// ---- The end ------------------------------------------------------------------------------------

std::size_t process_pool::shutdown(const executor_shutdown_options& how) {
    endings ended;
    {
        const std::lock_guard lock(mutex_);
        if (thread_.get_id() == std::this_thread::get_id())
            throw std::runtime_error(
                "asyncio: process_pool_executor::shutdown: a done callback cannot wait for the end "
                "of the thread that calls it");
        closing_ = true;
        if (how.pending == pending_jobs::cancel) drop_queue(ended);
    }
    tell(ended);

    const time_point deadline = how.timeout.after(clock::now());
    for (;;) {
        pump();
        {
            const std::lock_guard lock(mutex_);
            if (unfinished_ == 0 || over_) break;
        }
        delay left = delay::forever();
        if (!how.timeout.is_forever()) left = deadline - clock::now();
        if (left.nanoseconds().count() <= 0) break;
        std::uint64_t key[1];
        (void)set_.wait(key, left);
    }
    std::size_t killed = 0;
    {
        const std::lock_guard lock(mutex_);
        if (over_) return 0;
        killed = kill_rest(ended);
        stop();
    }
    tell(ended);
    if (thread_.joinable()) thread_.join();
    return killed;
}

void process_pool::drop_queue(endings& out) {
    while (!queue_.empty()) {
        --queued_;
        process_call& call = queue_.pop_front();
        call.parcel->dropped = true;
        end(call, nullptr, out);
    }
}

std::size_t process_pool::kill_rest(endings& out) {
    drop_queue(out);
    std::size_t killed = 0;
    for (const auto& w : workers_) {
        if (w->call == nullptr) continue;
        ++killed;
        --running_;
        end(*std::exchange(w->call, nullptr),
            std::make_exception_ptr(broken_process_pool(
                "asyncio: process " + std::to_string(w->pid) +
                    " of the pool was killed while it made this call, because the pool's shutdown "
                    "could wait no longer",
                SIGKILL)),
            out);
    }
    return killed;
}

void process_pool::stop() {
    over_ = true;
    if (!server_gone_) set_.remove(server_.fileno());
    server_.stop();
    workers_.clear();
    spare_.clear();
    over_flag_.raise();
    thread_needed_.notify_all();
}

}  // namespace detail

// ---- What users see -----------------------------------------------------------------------------

process_pool_base::process_pool_base(process_pool_options options)
    : pool_(std::make_shared<detail::process_pool>(options)) {}

process_pool_base::process_pool_base(std::size_t max_workers)
    : process_pool_base(process_pool_options{.max_workers = max_workers}) {}

process_pool_base::~process_pool_base() {
    if (!pool_->own_process_forked()) {
        pool_->shutdown({});
    } else {
        // Its thread and its locks are those of another process: nothing of it can be destroyed.
        new std::shared_ptr<detail::process_pool>(std::move(pool_));
    }
}

concurrent_future<> process_pool_base::room() {
    pool_->check_usable("process_pool_executor::room");
    return concurrent_future<>(pool_->room());
}

std::size_t process_pool_base::shutdown(executor_shutdown_options options) {
    pool_->check_usable("process_pool_executor::shutdown");
    return pool_->shutdown(options);
}

std::size_t process_pool_base::max_workers() const noexcept { return pool_->max_workers; }
std::size_t process_pool_base::worker_count() const { return pool_->worker_pids().size(); }
std::vector<int> process_pool_base::worker_pids() const { return pool_->worker_pids(); }
std::size_t process_pool_base::pending() const { return pool_->pending(); }
const process_call_options& process_pool_base::call_options() const noexcept {
    return pool_->options.call;
}

}  // namespace asyncio
