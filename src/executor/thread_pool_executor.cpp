#include "asyncio/executor/thread_pool_executor.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "sys/thread_name.hpp"

namespace asyncio {

namespace {

/// The pool whose thread this is, or null.
thread_local const void* own_pool = nullptr;

std::size_t default_workers() noexcept {
    return std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4);
}

}  // namespace

/// Shared by the pool and its threads, so that a thread which is late finds what it needs.
struct thread_pool_executor::state {
    explicit state(const thread_pool_options& options)
        : prefix(options.thread_name_prefix), max(options.max_workers.value_or(default_workers())) {
        if (max == 0)
            throw std::invalid_argument(
                "asyncio: thread_pool_executor: max_workers is 0; a pool needs at least one "
                "thread");
    }

    const std::string prefix;
    const std::size_t max;

    std::mutex mutex;
    std::condition_variable work;   // there is a job, or the end has come
    std::condition_variable ended;  // no thread is left
    std::deque<executor_job> jobs;
    std::vector<std::thread> threads;
    std::size_t live = 0;
    std::size_t idle = 0;  // of those, waiting for a job or about to
    std::size_t sweep_at = 64;
    bool closing = false;

    static void start_thread(const std::shared_ptr<state>& self);
    static void run(const std::shared_ptr<state>& self, std::size_t number) noexcept;
    void sweep();
};

/// One more thread, under the lock. If there is another one, it is no loss that the system refuses.
void thread_pool_executor::state::start_thread(const std::shared_ptr<state>& self) {
    try {
        self->threads.emplace_back(run, self, self->threads.size());
    } catch (const std::system_error& e) {
        if (self->live > 0) return;
        throw std::system_error(
            e.code(), "asyncio: no thread could be started for the pool '" + self->prefix + "'");
    }
    ++self->live;
    ++self->idle;
}

void thread_pool_executor::state::run(const std::shared_ptr<state>& self,
                                      std::size_t number) noexcept {
    state& s = *self;
    own_pool = &s;
    detail::set_thread_name(s.prefix, number);
    std::unique_lock lock(s.mutex);
    for (;;) {
        s.work.wait(lock, [&s] { return !s.jobs.empty() || s.closing; });
        if (s.jobs.empty()) break;
        --s.idle;
        {
            executor_job job = std::move(s.jobs.front());
            s.jobs.pop_front();
            lock.unlock();
            job();
        }
        lock.lock();
        ++s.idle;
    }
    --s.idle;
    if (--s.live == 0) s.ended.notify_all();
}

/// Jobs that were cancelled leave before their turn, so that a pool that is stuck does not collect
/// them.
void thread_pool_executor::state::sweep() {
    if (jobs.size() < sweep_at) return;
    std::erase_if(jobs, [](const executor_job& job) { return job.cancelled(); });
    sweep_at = std::max<std::size_t>(64, 2 * jobs.size());
}

thread_pool_executor::thread_pool_executor(thread_pool_options options)
    : state_(std::make_shared<state>(options)) {}

thread_pool_executor::thread_pool_executor(std::size_t max_workers)
    : thread_pool_executor(thread_pool_options{.max_workers = max_workers}) {}

thread_pool_executor::~thread_pool_executor() {
    std::unique_lock lock(state_->mutex);
    const bool must_wait = !state_->closing && own_pool != state_.get();
    lock.unlock();
    shutdown({.timeout = must_wait ? delay::forever() : delay()});
    lock.lock();
    for (std::thread& t : state_->threads) t.detach();
}

void thread_pool_executor::execute(executor_job job) {
    // LIFETIME: once the lock is free, the job may run and end the pool before the notify.
    const std::shared_ptr<state> self = state_;
    state& s = *self;
    std::unique_lock lock(s.mutex);
    if (s.closing)
        throw std::runtime_error("asyncio: the thread pool '" + s.prefix +
                                 "' has been shut down: it takes no more jobs");
    if (detail::loop_core* loop = detail::running_loop; loop != nullptr && loop->simulated) {
        // No seed could order a thread: a simulation has an executor of its own.
        static_cast<event_loop*>(loop)->default_executor().execute(std::move(job));
        return;
    }
    s.sweep();
    if (s.jobs.size() >= s.idle && s.live < s.max) state::start_thread(self);
    s.jobs.push_back(std::move(job));
    lock.unlock();  // first, so that who wakes does not stop at it again
    s.work.notify_one();
}

std::size_t thread_pool_executor::shutdown(executor_shutdown_options options) {
    state& s = *state_;
    const bool waits = options.timeout.nanoseconds().count() > 0;
    if (waits && own_pool == &s)
        throw std::runtime_error(
            "asyncio: thread_pool_executor::shutdown: a job cannot wait for the end of its own "
            "thread; call shutdown({.timeout = 0s})");
    std::deque<executor_job> dropped;
    std::unique_lock lock(s.mutex);
    s.closing = true;
    if (options.pending == pending_jobs::cancel) dropped.swap(s.jobs);
    s.work.notify_all();
    lock.unlock();
    dropped.clear();  // tells those who wait

    lock.lock();
    const auto is_over = [&s] { return s.live == 0; };
    if (options.timeout.is_forever())
        s.ended.wait(lock, is_over);
    else if (waits)
        s.ended.wait_until(lock, options.timeout.after(clock::now()), is_over);
    const std::size_t left = s.live;
    std::vector<std::thread> ended;
    if (left == 0) ended.swap(s.threads);
    lock.unlock();
    for (std::thread& t : ended) t.join();
    return left;
}

std::size_t thread_pool_executor::max_workers() const noexcept { return state_->max; }

std::size_t thread_pool_executor::thread_count() const {
    const std::lock_guard lock(state_->mutex);
    return state_->live;
}

}  // namespace asyncio
