// One thread's clockwork: what is ready, what is due, what the outside has, and the turn that
// brings them together. Everything here belongs to the loop's thread, except post() and wake().
//
//      +--> ask the outside (poll)      1  how long may it wait?
//      |    collect posted callbacks    2  from other threads, and signals
//      |    collect due timers          3  user code has not run so far
//      +--- run what is ready           4  only what was ready when this step began
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>

#include "asyncio/base/config.hpp"
#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/loop/handle.hpp"
#include "asyncio/loop/ready_queue.hpp"
#include "asyncio/loop/timer_queue.hpp"
#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

class task_state_base;

/// How a loop finds its tasks: each unfinished one is linked here.
class task_link : public list_hook {
   protected:
    task_link() noexcept : list_hook(linked_at_once()) {}
    ~task_link() = default;
};

/// Calls of one kind that are under way, one inside the other. Each needs a part of the native
/// stack, and programs nest them as deep as they like: what is_deep() is put off to the next turn.
class nested_calls {
   public:
    nested_calls() noexcept = default;
    nested_calls(const nested_calls&) = delete;
    nested_calls& operator=(const nested_calls&) = delete;
    [[nodiscard]] bool is_deep() const noexcept { return depth_ >= 256; }
    /// A call, while it lives.
    class level {
       public:
        explicit level(nested_calls& n) noexcept : calls_(n) { ++calls_.depth_; }
        level(const level&) = delete;
        level& operator=(const level&) = delete;
        ~level() { --calls_.depth_; }

       private:
        nested_calls& calls_;
    };

   private:
    unsigned depth_ = 0;
};

class loop_core;
class deadline;

/// The place in the ready queue of a deadline that is due. Who takes the deadline back leaves the
/// place behind.
class expiry final : public ready_node, public pooled {
   public:
    explicit expiry(deadline& d) noexcept : ready_node(&run_it), deadline_(&d) {}
    void forget() noexcept { deadline_ = nullptr; }
    /// If it is one that a closing loop has taken out of its queue, it will not run.
    static void drop(ready_node& n) noexcept;

   private:
    static void run_it(ready_node& n);
    [[nodiscard]] static deadline* end(ready_node& n) noexcept;
    deadline* deadline_;
};

/// A limit in time on something that a task does. It expires behind what was ready already, as a
/// timer's callback would; its owner, who calls disarm() before it dies, takes it back until then.
/// expired() only marks and queues.
class deadline : public timer_node {
   public:
    void arm(loop_core& loop, time_point when);
    /// It is due already: it expires behind what is ready now. Throws std::bad_alloc.
    void arm_expired(loop_core& loop);
    void disarm(loop_core& loop) noexcept;
    /// Is it due, and has not had its turn?
    [[nodiscard]] bool is_due() const noexcept { return place_ != nullptr; }
    virtual void expired() noexcept = 0;

   protected:
    deadline() noexcept = default;
    ~deadline() = default;

   private:
    friend class expiry;
    static void fire(timer_node& n, timer_event e) noexcept;
    expiry* place_ = nullptr;
};

class loop_core {
   public:
    explicit loop_core(std::unique_ptr<backend> b);
    loop_core(const loop_core&) = delete;
    loop_core& operator=(const loop_core&) = delete;

    ready_queue ready;
    timer_queue timers;
    std::unique_ptr<backend> outside;
    task_state_base* current_task = nullptr;
    /// The trampoline: who runs on in this step; null: it ends; see also end_of_task().
    std::coroutine_handle<> resume_next;
    nested_calls eager_starts;
    nested_calls gather_cancels;
    intrusive_list<task_link> tasks;
    std::uint64_t tasks_made = 0;
    std::uint64_t turns = 0;
    bool debug = false;
    const bool simulated;  ///< the outside picks which of the ready runs next
    bool closed = false;
    std::chrono::nanoseconds slow_callback = std::chrono::milliseconds(100);
    std::chrono::nanoseconds reporting{};  ///< spent on reports, for which no step is to blame
    std::chrono::nanoseconds spin{};       ///< how long it asks before it waits

    /// The loop's memory outlives it while futures refer to it, so that a handle kept too long
    /// stays harmless.
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) destroy();
    }

    [[nodiscard]] time_point now() const noexcept { return outside->now(); }
    /// Queues something. A host that waits on fileno() is woken.
    inline void schedule(ready_node& n) noexcept;
    /// Any thread: queues a callback and wakes the loop once per burst. False if the loop is
    /// closed.
    bool post(ref<handle_state> h) noexcept;

    /// Turns until stop(). If it may not wait: until nothing is ready. Defined by the task room.
    void run_turns(bool may_wait);
    [[nodiscard]] bool on_loop_thread() const noexcept;

   protected:
    /// While callbacks are ready, the outside is asked this often.
    static constexpr auto longest_without_poll = std::chrono::microseconds(50);

    ~loop_core();
    virtual void destroy() noexcept = 0;
    /// A signal that this loop watches has arrived.
    virtual void collect_signals() noexcept = 0;
    std::atomic<bool> signal_arrived_{false};
    bool stopping_ = false;  ///< this turn, or the next one, is the last
    /// From now on post() refuses; what was posted before becomes ready.
    void refuse_posts() noexcept;
    /// How long until the next deadline.
    [[nodiscard]] delay until_next_timer() const noexcept;
    /// The next turn asks the outside, however recently it was asked.
    void ask_next_turn() noexcept {
        ask_next_turn_ = true;
        clock_turn_ = turns + 1;
    }
    /// A host goes to wait on fileno(): what becomes ready from now on makes it readable.
    void leave_to_host() noexcept;
    /// A host is here and runs the loop, or nobody will again.
    void take_from_host() noexcept { host_waits_ = false; }
    [[nodiscard]] bool host_waits() const noexcept { return host_waits_; }

   private:
    void ask_outside(bool may_wait);
    [[nodiscard]] delay until_worth_waking() noexcept;
    bool spin_for_work();
    /// Something is ready, or waits outside the ready queue to become so.
    [[nodiscard]] bool has_work() const noexcept {
        return !ready.empty() || posted_.load(std::memory_order_relaxed) != nullptr ||
               signal_arrived_.load(std::memory_order_relaxed);
    }
    void collect_posted() noexcept;
    void run_once(bool may_wait);
    void run_ready();
    void schedule_outside_of_turns(ready_node& n) noexcept;
    void wake_host() noexcept;
    [[nodiscard]] bool recently_asked() noexcept;

    std::uint32_t refs_ = 1;
    bool host_waits_ = false;
    bool ask_next_turn_ = false;
    unsigned turns_per_clock_ = 1;
    std::uint64_t clock_turn_ = 1;      ///< the turn that reads the clock
    std::size_t fired_since_wait_ = 0;  ///< deadlines
    time_point clock_read_at_{};
    time_point polled_at_{};
    alignas(64) std::atomic<ready_node*> posted_{nullptr};
    std::atomic<bool> asleep_{false};
};

/// The loop that runs in this thread, or null.
extern ASYNCIO_THREAD_LOCAL loop_core* running_loop;
/// The loop whose turn this thread is in: for what runs in a step. A forked child has no running
/// loop, but if it returns to the step that forked, it goes on with this one.
extern ASYNCIO_THREAD_LOCAL loop_core* loop_of_turn;

void loop_core::schedule(ready_node& n) noexcept {
    // In a turn, which nobody waits for, the end of the queue is found by way of the thread. By way
    // of what is queued it would take loads that each wait for the one before, and the next turn
    // waits for them.
    loop_core* const in_turn = loop_of_turn;
    const loop_core* compared = in_turn;
    asm("" : "+r"(compared));  // else the compiler, which sees that they are equal, goes by `this`
    if (compared == this) [[likely]]
        in_turn->ready.push(n);
    else
        schedule_outside_of_turns(n);
}

/// Has any loop been in debug mode? Where a thread is checked on every call, this is asked first.
extern std::atomic<bool> debug_was_on;

}  // namespace asyncio::detail
