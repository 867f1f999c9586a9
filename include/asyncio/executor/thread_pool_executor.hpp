// thread_pool_executor: threads that are started when there is work for them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "asyncio/executor/executor.hpp"

namespace asyncio {

/// How a thread pool is made.
struct thread_pool_options {
    /// At most so many threads. Not said: as many as there are cores and 4 more, at most 32.
    std::optional<std::size_t> max_workers{};
    /// Its threads are named "prefix_0", "prefix_1", ...; the system shows 15 characters.
    std::string_view thread_name_prefix = "thread-pool";
};

/// Runs jobs in threads of its own, first come first served: for calls that block and for work that
/// needs a core. A thread is started when there is a job and none is idle. Any thread may use it.
class thread_pool_executor final : public executor {
   public:
    /// Starts no thread yet. Throws std::invalid_argument for 0 workers.
    explicit thread_pool_executor(thread_pool_options options = {});
    /// A pool of at most so many threads.
    explicit thread_pool_executor(std::size_t max_workers);
    /// Waits for every job, unless shutdown() was called: then threads that are still busy are left
    /// behind and touch nothing of the pool any more.
    ~thread_pool_executor() override;

    /// Queues a job; a thread takes it at once if one is idle or may be started. Throws
    /// std::runtime_error after shutdown(), std::system_error if the first thread cannot be
    /// started.
    void execute(executor_job job) override;
    /// Gives how many threads had not ended in time. Throws std::runtime_error if one of the pool's
    /// own threads would wait for itself.
    std::size_t shutdown(executor_shutdown_options options = {}) override;
    /// How many threads it may have, and how many it has.
    [[nodiscard]] std::size_t max_workers() const noexcept;
    [[nodiscard]] std::size_t thread_count() const;

   private:
    struct state;
    std::shared_ptr<state> state_;  // the threads own it, too
};

}  // namespace asyncio
