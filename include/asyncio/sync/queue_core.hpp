// The part of a queue that does not depend on its items: counts, and who waits for what.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "asyncio/sync/wait_list.hpp"

namespace asyncio::detail {

class queue_core;

/// A task that waits for an item, or for room. Being granted means that it is there for this task,
/// until get_nowait() or put_nowait() takes it: then the grant is taken back. Who was granted room
/// may be served by a get(), which takes the item out of its hands.
class queue_wait : public waiter {
   public:
    /// Throws if the wait ended without what it waited for.
    void finish() {
        if (over()) return;
        if (granted() && !is_cancelled()) [[likely]]
            leave();
        else
            end_otherwise();
    }
    /// Was its item taken out of its hands? Then it needs no room any more.
    [[nodiscard]] bool was_served() noexcept {
        if (status_ != status::served) return false;
        status_ = status::idle;
        return true;
    }
    void give_up() noexcept;

   protected:
    queue_wait(queue_core& q, wait_list& line, task_state_base& t)
        : waiter(line, t, "queue"), queue_(q) {}
    ~queue_wait() = default;

   private:
    friend queue_core;
    [[nodiscard]] bool wants_item() const noexcept;
    void end_otherwise();
    /// It leaves the line without having had its turn: what it wanted was done for it.
    void serve() noexcept {
        leave();
        status_ = status::served;
    }
    [[nodiscard]] bool is_cancelled() const noexcept { return task_->must_cancel != 0; }
    /// Lets the next one have what this one was granted.
    void hand_on() noexcept;
    bool look() override;
    [[nodiscard]] std::string describe() const override;
    queue_core& queue_;
};

class item_wait final : public queue_wait {
   public:
    item_wait(queue_core& q, task_state_base& t);
};

/// It holds the item, which is still the put's.
template <class T>
class room_wait final : public queue_wait {
   public:
    room_wait(queue_core& q, task_state_base& t, T& item);
    [[nodiscard]] T& item() const noexcept { return item_; }

   private:
    T& item_;
};

/// A task that waits until everything is done.
class join_wait final : public waiter {
   public:
    join_wait(queue_core& q, task_state_base& t);
    void finish() {
        if (!over()) [[unlikely]]
            fail("queue");
    }

   private:
    [[nodiscard]] std::string describe() const override;
    queue_core& queue_;
};

class [[nodiscard("join() does nothing until it is awaited: co_await it")]] join_awaiter final
    : public sync_awaiter<queue_core, join_wait> {
   public:
    explicit join_awaiter(queue_core& q) noexcept : sync_awaiter(q) {}
    bool await_ready() const noexcept;
    void await_resume() { finish(); }
};

class queue_core {
   public:
    queue_core(const queue_core&) = delete;
    queue_core& operator=(const queue_core&) = delete;

    /// How many items are in it.
    [[nodiscard]] std::size_t qsize() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Are there maxsize() items in it? Never, if there is no limit.
    [[nodiscard]] bool full() const noexcept { return size_ >= limit_; }
    /// How many items it takes; 0: without a limit.
    [[nodiscard]] std::size_t maxsize() const noexcept { return limit_ == no_limit ? 0 : limit_; }

    /// Says that one item that was got is dealt with. Throws std::invalid_argument if it is called
    /// more often than items were put.
    void task_done();
    /// Waits until task_done() was called for every item that was put. Suspends only if some are
    /// not done. A cancel ends the wait, unless all is done already.
    join_awaiter join() noexcept { return join_awaiter(*this); }
    /// Ends it: puts throw queue_shut_down, also those that wait; gets drain it, and then throw
    /// queue_shut_down. Again: nothing.
    void shutdown();

    [[nodiscard]] std::string_view name() const noexcept { return name_.get(); }
    /// For reports: "queue 'jobs' (3 of 64 items)".
    [[nodiscard]] std::string describe() const;

   protected:
    queue_core(std::size_t maxsize, std::string_view name)
        : limit_(maxsize == 0 ? no_limit : maxsize), name_(name) {}
    ~queue_core() = default;

    /// For put_nowait() and get_nowait(): throw unless it can be done now.
    void check_can_put() const {
        if (full()) [[unlikely]]
            refuse_put();
        check_open();
    }
    void check_can_get() const {
        if (empty()) [[unlikely]]
            refuse_get();
        putters_.check_thread("queue.get");
    }
    /// Throws if the queue was shut down. For put(), which knows that there is room.
    void check_open() const {
        if (shut_down_) [[unlikely]]
            refuse_put();
        getters_.check_thread("queue.put");
    }
    /// What was granted to those who wait is not there for others.
    [[nodiscard]] bool can_get() const noexcept { return size_ > getters_.granted(); }
    [[nodiscard]] bool can_put() const noexcept { return limit_ - size_ > putters_.granted(); }
    [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_; }
    /// The queue is empty and nobody waits for an item, but a put that waited was granted room and
    /// has not had its turn: its item may be taken out of its hands, unless a cancel was quicker.
    [[nodiscard]] bool has_offer() const noexcept {
        return size_ == 0 && putters_.granted() > 0 && getters_.empty() && !shut_down_ &&
               !offering().is_cancelled();
    }
    void check_offer() const { putters_.check_thread("queue.get"); }
    /// The put that was granted room first.
    [[nodiscard]] queue_wait& offering() const noexcept {
        return static_cast<queue_wait&>(putters_.front());
    }
    /// Its item was taken: that put is over, and the room goes to the next one.
    void offer_taken() noexcept {
        offering().serve();
        ++unfinished_;
        if (putters_.has_waiting()) wake_putters();
    }
    /// An item came in, or left: there is one for the next who waits, or room.
    void item_added() noexcept {
        ++size_;
        ++unfinished_;
        if (getters_.has_waiting() && can_get()) getters_.wake_next();
    }
    void item_taken() noexcept {
        --size_;
        if (putters_.has_waiting() && can_put()) putters_.wake_next();
    }
    /// put_nowait() and get_nowait() may have been quicker than one to whom it was granted.
    void take_back_room() noexcept {
        if (putters_.granted() > limit_ - size_) take_back(putters_);
    }
    void take_back_item() noexcept {
        if (getters_.granted() > size_) take_back(getters_);
    }
    /// An item, or a place, that was granted was not used: the next ones may have it.
    void wake_getters() noexcept;
    void wake_putters() noexcept;
    /// All items are being thrown away.
    void forget_items() noexcept;

   private:
    friend queue_wait;
    friend item_wait;
    template <class>
    friend class room_wait;
    friend join_wait;
    friend join_awaiter;
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    /// The last one to whom something was granted in this line waits on.
    void take_back(wait_list& line) noexcept;
    [[noreturn]] void refuse_put() const;
    [[noreturn]] void refuse_get() const;

    std::size_t size_ = 0;
    std::size_t limit_;
    wait_list getters_;
    wait_list putters_;
    std::size_t unfinished_ = 0;
    bool shut_down_ = false;
    wait_list joiners_;
    sync_name name_;
};

inline item_wait::item_wait(queue_core& q, task_state_base& t) : queue_wait(q, q.getters_, t) {}
template <class T>
room_wait<T>::room_wait(queue_core& q, task_state_base& t, T& item)
    : queue_wait(q, q.putters_, t), item_(item) {}
inline bool queue_wait::wants_item() const noexcept { return line_ == &queue_.getters_; }

inline join_wait::join_wait(queue_core& q, task_state_base& t)
    : waiter(q.joiners_, t, "queue"), queue_(q) {}
inline bool join_awaiter::await_ready() const noexcept { return primitive_.unfinished_ == 0; }

}  // namespace asyncio::detail
