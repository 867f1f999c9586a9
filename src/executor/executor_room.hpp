// What the executor room keeps with each loop.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/base/shared_count.hpp"
#include "asyncio/executor/concurrent_future.hpp"
#include "asyncio/executor/executor.hpp"
#include "asyncio/loop/event_loop.hpp"

namespace asyncio::detail {

/// The way into a loop for threads that may be slower than the loop: they own it together with the
/// loop, and it knows whether there still is one. Any thread.
class mailbox {
   public:
    explicit mailbox(loop_core& loop) noexcept : loop_(&loop) {}
    void add_ref() noexcept { refs_.add(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }
    /// The handle runs on the loop; it is dropped if the loop has closed.
    void post(const ref<handle_state>& h) noexcept {
        // The lock keeps the loop's memory while it is used.
        const std::lock_guard lock(mutex_);
        if (loop_ != nullptr) (void)loop_->post(h);
    }
    void close() noexcept {
        const std::lock_guard lock(mutex_);
        loop_ = nullptr;
    }

   private:
    ~mailbox() = default;
    std::mutex mutex_;
    loop_core* loop_;
    shared_count refs_;
};

class executor_room final : public event_loop::slot {
   public:
    explicit executor_room(loop_core& loop) : box(new mailbox(loop)) {}
    executor_room(const executor_room&) = delete;
    executor_room& operator=(const executor_room&) = delete;
    /// The loop closes. Waits for nobody.
    ~executor_room() override;
    /// The loop's own, made on demand. The loop's thread.
    static executor_room& of(event_loop& loop);

    ref<mailbox> box;
    intrusive_list<loop_entry> entries;  ///< each one holds a reference to itself while it is here
    std::shared_ptr<executor> pool;      ///< the default one; shared with who waits for its threads
    bool shut_down = false;
};

}  // namespace asyncio::detail
