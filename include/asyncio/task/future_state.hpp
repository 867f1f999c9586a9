// The erased core of futures: the state and who is told of its end. The typed shell is in
// future.hpp; a task has it as its base.
//
//      pending --set_result-----> value      Every change happens once. It tells those who
//         |------set_exception--> error      listen, in the order in which they came.
//         `------cancel---------> cancelled
#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/loop/loop_core.hpp"
#include "asyncio/task/done_list.hpp"

namespace asyncio::detail {

enum class future_status : std::uint8_t { pending, value, error, cancelled };

class future_state_base : public pooled {
   public:
    /// A task begins with two references: its maker's, and the loop's until it is done.
    future_state_base(loop_core& l, bool task, std::source_location where, bool typed) noexcept
        : created(where), refs_(task ? 2 : 0), is_task(task), has_type(typed), loop(&l) {
        l.add_ref();
    }
    future_state_base(const future_state_base&) = delete;
    future_state_base& operator=(const future_state_base&) = delete;

    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) destroy();
    }
    [[nodiscard]] std::uint32_t refs() const noexcept { return refs_; }

    [[nodiscard]] bool done() const noexcept { return status != future_status::pending; }
    /// True if it could be cancelled, false if it is done. A task only starts to be cancelled.
    virtual bool cancel(const cancel_ref& why);
    /// What it is, for reports: "task 'worker'", "a future made at client.cpp:42".
    [[nodiscard]] virtual std::string describe() const;
    /// The same where it is part of another one's description. What is no task is just a future
    /// there: a gather in a gather in a gather may go on without an end.
    [[nodiscard]] std::string describe_as_part() const;
    void set_exception(std::exception_ptr e);
    /// Rethrows an error or a cancel; complains if it is pending. Counts as retrieved.
    void check_value();
    /// The exception it ended with; null if it has a value; throws if cancelled or pending. Counts
    /// as retrieved.
    std::exception_ptr get_exception();
    /// The exception or cancel as an exception_ptr, without throwing. Counts as retrieved. It must
    /// be done.
    std::exception_ptr error_or_cancel();
    /// Tells the waiters. `s` is not pending.
    void finish(future_status s) noexcept {
        status = s;
        waiters_.take_all([this](done_node& n) { n.future_done(*this); });
    }
    void require_pending(const char* operation) const;
    /// In debug mode: throws std::runtime_error on another thread than the loop's.
    void check_thread(const char* operation) const;
    void add_waiter(done_node& n) noexcept { waiters_.add(n); }
    [[nodiscard]] done_list& waiters() noexcept { return waiters_; }
    /// Forgets that nobody looked at the exception.
    void mark_retrieved() noexcept { unretrieved = false; }

    // Ordered so that what a task's step needs lies together, behind what is seldom needed.
    std::source_location created;
    std::exception_ptr exception;
    cancel_ref cancel_why;  ///< of a task: also of a cancel that is on its way

   private:
    done_list waiters_;
    std::uint32_t refs_;

   public:
    // With the count above they fill one word.
    const bool is_task : 1;
    const bool has_type : 1;       ///< its value is not void
    bool unretrieved : 1 = false;  ///< an exception that nobody has looked at
    bool expected : 1 = false;     ///< somebody who is gone did not care for its error: it counts
                                   ///< as retrieved
    bool passing_cancel : 1 = false;  ///< (task) a cancel is on its way to what it waits for
    bool keeps_itself : 1 = false;    ///< one of its references is its own: see kept_alive
    std::uint8_t unused : 2 = 0;      ///< so that their byte is set, which needs not be read first
    bool must_destroy = false;        ///< there is a value whose destructor must run
    std::uint8_t must_cancel = 0;     ///< (task) how many requests a cancel that was not delivered
                                      ///< yet stands for, up to 255
    future_status status = future_status::pending;
    loop_core* loop;

   protected:
    virtual void destroy() noexcept { delete this; }
    [[gnu::always_inline]] virtual ~future_state_base() {
        if (unretrieved) [[unlikely]]
            report_unretrieved();
        if (!waiters_.empty()) [[unlikely]]
            drop_waiters();
        loop->release();
    }

   private:
    void drop_waiters() noexcept;
    void report_unretrieved() noexcept;
};

/// Keeps a future alive while it tells those who listen, any of whom may hold its last handle. One
/// inside another counts as somebody else's reference.
class kept_alive {
   public:
    explicit kept_alive(future_state_base& f) noexcept : f_(&f), outer_(f.keeps_itself) {
        f.keeps_itself = true;
    }
    kept_alive(const kept_alive&) = delete;
    kept_alive& operator=(const kept_alive&) = delete;
    ~kept_alive() { f_->keeps_itself = outer_; }

   private:
    ref<future_state_base> f_;
    bool outer_;
};

}  // namespace asyncio::detail
