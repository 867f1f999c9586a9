#include "asyncio/app/run_in_threads.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/wait.hpp"
#include "asyncio/executor/thread_pool_executor.hpp"
#include "asyncio/executor/to_thread.hpp"

namespace asyncio::detail {

namespace {

/// The threads' loops, for whoever wants to stop them.
class thread_team {
   public:
    thread_team(std::vector<thread_main> mains, run_options options) : options_(options) {
        members_.reserve(mains.size());
        for (thread_main& m : mains) members_.emplace_back(std::move(m));
    }
    thread_team(const thread_team&) = delete;
    thread_team& operator=(const thread_team&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
    /// What each thread does.
    void run_member(std::size_t i) {
        try {
            run(main_of(members_[i]), options_);
        } catch (const cancelled_error&) {
            if (!stopping()) throw;
        }
    }
    /// Cancels every main. Any thread.
    void stop() {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        for (member& m : members_)
            if (m.loop != nullptr) m.loop->call_soon_threadsafe(&thread_team::cancel, &m);
        stopping_ = true;
    }
    [[nodiscard]] bool stopping() const {
        const std::lock_guard lock(mutex_);
        return stopping_;
    }

   private:
    struct member {
        explicit member(thread_main m) : main(std::move(m)) {}
        thread_main main;
        event_loop* loop = nullptr;  ///< while `task` runs; guarded by the mutex
        task<> running;              ///< its own thread's
    };
    /// A main that may be stopped.
    class membership {
       public:
        membership(thread_team& team, member& m) : team_(team), member_(m) {
            m.running = current_task();
            const std::lock_guard lock(team.mutex_);
            m.loop = &get_running_loop();
            too_late_ = team.stopping_;
        }
        membership(const membership&) = delete;
        membership& operator=(const membership&) = delete;
        ~membership() {
            member_.running = task<>();
            const std::lock_guard lock(team_.mutex_);
            member_.loop = nullptr;
        }
        [[nodiscard]] bool too_late() const noexcept { return too_late_; }

       private:
        thread_team& team_;
        member& member_;
        bool too_late_ = false;
    };

    coroutine<> main_of(member& m) {
        const membership here(*this, m);
        if (here.too_late()) co_return;
        co_await m.main();
    }
    static void cancel(member* m) {
        if (m->running.valid()) m->running.cancel("the threads are being stopped");
    }

    const run_options options_;
    mutable std::mutex mutex_;
    bool stopping_ = false;
    std::vector<member> members_;
};

/// Dropped in the middle, the threads end before what they use.
struct stop_at_end {
    explicit stop_at_end(thread_team& t) noexcept : team(t) {}
    stop_at_end(const stop_at_end&) = delete;
    stop_at_end& operator=(const stop_at_end&) = delete;
    ~stop_at_end() { team.stop(); }
    thread_team& team;
};

bool failed(const future<>& f) { return f.done() && f.state()->status != future_status::value; }

/// Tells of every failure but `first`, and throws that.
void throw_first(event_loop& loop, const std::vector<future<>>& threads, const future<>& first) {
    for (const future<>& f : threads) {
        if (!failed(f) || f.state() == first.state()) continue;
        loop.call_exception_handler({.message = "Another thread of run_in_threads failed, too",
                                     .exception = f.state()->error_or_cancel(),
                                     .task_name = {},
                                     .details = {}});
    }
    if (first.valid()) std::rethrow_exception(first.state()->error_or_cancel());
}

}  // namespace

std::size_t thread_count_of(const thread_options& options) {
    if (options.threads < 0)
        throw_invalid_argument("asyncio: run_in_threads: the number of threads is negative");
    if (options.threads > 0) return static_cast<std::size_t>(options.threads);
    return std::max(1u, std::thread::hardware_concurrency());
}

coroutine<> run_threads(std::vector<thread_main> mains, loop_options options) {
    event_loop& loop = get_running_loop();
    if (loop.simulated)
        throw_runtime_error(
            "asyncio: run_in_threads starts real threads, which a simulation cannot order: call "
            "the function itself");
    thread_team team(std::move(mains),
                     {.debug = loop.get_debug(), .handle_signals = false, .loop = options});
    thread_pool_executor pool({.max_workers = team.size(), .thread_name_prefix = "loop"});
    const stop_at_end guard(team);
    std::vector<future<>> threads;
    for (std::size_t i = 0; i < team.size(); ++i)
        threads.push_back(loop.run_in_executor(&pool, &thread_team::run_member, &team, i));
    future<> first;  // that failed
    std::exception_ptr cancelled;
    for (bool all_ended = false; !all_ended;) {
        const wait_options how{.return_when = team.stopping() ? return_when::all_completed
                                                              : return_when::first_exception};
        try {
            const auto result = co_await wait(threads, how);
            for (const future<>& f : result.done)
                if (!first.valid() && failed(f)) first = f;
            all_ended = result.pending.empty();
        } catch (const cancelled_error&) {
            cancelled = std::current_exception();
        }
        if (!all_ended) team.stop();
    }
    throw_first(loop, threads, first);
    if (cancelled) std::rethrow_exception(cancelled);
}

}  // namespace asyncio::detail
