// What a process pool is apart from the types of its calls.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "asyncio/executor/executor.hpp"
#include "asyncio/executor/process_call.hpp"

namespace asyncio {

/// How a process pool is made.
struct process_pool_options {
    /// At most so many processes. Not said: as many as there are cores.
    std::optional<std::size_t> max_workers{};
    /// At most so many calls wait for a process; one more throws queue_full. See room().
    std::size_t max_pending = std::numeric_limits<std::size_t>::max();
    /// At most so many bytes of serialised arguments, or of a result; more throw std::length_error.
    std::size_t max_message = std::size_t{1} << 30;
    /// For calls that say nothing of their own.
    process_call_options call{};
};

/// The part of a process_pool_executor that does not depend on the types of its calls.
class process_pool_base {
   public:
    /// Forks the server. Throws std::invalid_argument for 0 processes, std::runtime_error if this
    /// process has threads already, std::system_error if the system refuses.
    explicit process_pool_base(process_pool_options options = {});
    /// A pool of at most so many processes.
    explicit process_pool_base(std::size_t max_workers);
    process_pool_base(const process_pool_base&) = delete;
    process_pool_base& operator=(const process_pool_base&) = delete;

    /// Waits until there is room for one more waiting call: co_await wrap_future(pool.room()).
    [[nodiscard]] concurrent_future<> room();

    /// Takes no more calls and waits for those that there are; those that wait for a process may be
    /// cancelled instead. When the time is up, what still runs is killed and fails with
    /// broken_process_pool. Gives how many were killed. Every process is gone afterwards. Throws
    /// std::runtime_error if the thread that brings the results would wait for itself.
    std::size_t shutdown(executor_shutdown_options options = {});

    /// How many processes it may have; how many it has, and which.
    [[nodiscard]] std::size_t max_workers() const noexcept;
    [[nodiscard]] std::size_t worker_count() const;
    [[nodiscard]] std::vector<int> worker_pids() const;
    /// How many calls wait for a process.
    [[nodiscard]] std::size_t pending() const;

   protected:
    /// Waits for every call, unless shutdown() was called. In a forked child: leaves all alone.
    ~process_pool_base();
    [[nodiscard]] const process_call_options& call_options() const noexcept;
    [[nodiscard]] const std::shared_ptr<detail::process_pool>& pool() const noexcept {
        return pool_;
    }

   private:
    std::shared_ptr<detail::process_pool> pool_;
};

}  // namespace asyncio
