// pool_watch: a loop that waits for calls of a process pool.
#pragma once

#include <cstddef>
#include <memory>

#include "asyncio/executor/concurrent_future.hpp"
#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

class process_pool;

/// The loop's thread, but for what is marked.
class pool_watch final : public loop_entry, public std::enable_shared_from_this<pool_watch> {
   public:
    pool_watch(event_loop& on, std::shared_ptr<process_pool> pool) noexcept
        : loop(&on), pool_(std::move(pool)) {}
    /// The loop looks after the pool, until it has no calls there.
    void watch();
    void loop_closed() noexcept override;

    event_loop* const loop;
    std::size_t unfinished = 0;  ///< (under the pool's lock) calls of this loop

   private:
    void on_ready();
    void stop() noexcept;
    std::shared_ptr<process_pool> pool_;
    std::shared_ptr<pool_watch> self_;  ///< while it is one of the loop's entries
    bool watching_ = false;
};

}  // namespace asyncio::detail
