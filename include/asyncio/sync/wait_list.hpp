// Under every primitive of this room: tasks in line, each parked as a node in its own frame.
//
//      first -> [granted] [granted] [waiting] [waiting] <- last
//                                    next
//
// A waiter that is granted has been woken, but keeps its place until its turn in the ready queue
// comes. Only then it takes what it was granted: a cancel that comes in between hands it on, and
// nobody overtakes. It may be served before its turn, if another one can do for it what it waited
// to do.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "asyncio/task/task_state.hpp"

namespace asyncio::detail {

class wait_list;

/// The name that a primitive was given for reports; most have none.
class sync_name {
   public:
    explicit sync_name(std::string_view name) {
        if (!name.empty()) name_ = std::make_unique<std::string>(name);
    }
    [[nodiscard]] std::string_view get() const noexcept {
        return name_ ? std::string_view(*name_) : std::string_view();
    }
    /// "lock 'db'", or "a lock".
    [[nodiscard]] std::string with(std::string_view kind) const;

   private:
    std::unique_ptr<std::string> name_;
};

/// One task in line. Whoever owns it calls give_up() before it dies in line.
class waiter : public wait_node {
   public:
    waiter& operator=(const waiter&) = delete;
    [[nodiscard]] bool in_line() const noexcept { return status_ >= status::waiting; }
    /// Throws if another task waits with it.
    void check_unused() const {
        if (in_line()) [[unlikely]]
            throw_awaited_by_two();
    }
    /// The frame in which the task waits is destroyed: it leaves the line.
    void give_up() noexcept;
    [[nodiscard]] const cancel_ref* take_cancel() {
        if (status_ != status::cancelled) [[likely]]
            return nullptr;
        status_ = status::idle;
        return task_->take_cancel();
    }

   protected:
    enum class status : std::uint8_t {
        idle,       ///< not in line: not yet, or it is over
        cancelled,  ///< not in line: a cancel has ended the wait
        orphaned,   ///< not in line: what it waited for was destroyed
        served,     ///< not in line: what it waited for was done for it
        waiting,    ///< in line
        granted,    ///< in line, and woken
    };

    /// Made at the end of the line. Throws std::runtime_error if tasks of another loop stand in
    /// it; `kind` says what it waits for: "lock", "event".
    inline waiter(wait_list& line, task_state_base& t, const char* kind);
    /// Made before it joins the line, until when it is movable.
    explicit waiter(wait_list& line) noexcept
        : line_(&line), task_(nullptr), status_(status::idle) {}
    waiter(waiter&& o) noexcept : waiter(*o.line_) {}
    ~waiter() = default;

    [[nodiscard]] bool granted() const noexcept { return status_ == status::granted; }
    [[nodiscard]] bool over() const noexcept { return status_ == status::idle; }
    /// Leaves the line, wherever it stands.
    inline void leave() noexcept;
    /// Joins the end of the line, which has tasks of this loop only, and suspends the task.
    inline void suspend(promise_base& p) noexcept;
    /// Throws what ended the wait instead of a grant.
    [[noreturn]] void fail(const char* kind);

    bool cancel_wait(task_state_base& t, const cancel_ref& why) noexcept override;

    wait_list* line_;
    task_state_base* task_;
    status status_;

   private:
    friend class wait_list;

    // Set when it joins the line.
    waiter* before_;
    waiter* behind_;
};

/// What is awaited to use a Primitive. Its Wait, a waiter, is made in line when the task has to
/// wait: who finds everything free pays for no more than a look.
template <class Primitive, class Wait>
class sync_awaiter {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    sync_awaiter& operator=(const sync_awaiter&) = delete;
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        wait(promise_of(h));
    }
    [[nodiscard]] const cancel_ref* take_cancel() {
        return waited_ ? wait_.take_cancel() : nullptr;
    }

   protected:
    explicit sync_awaiter(Primitive& p) noexcept : primitive_(p) {}
    /// Movable until it waits.
    sync_awaiter(sync_awaiter&& o) noexcept : primitive_(o.primitive_) {}
    ~sync_awaiter() {
        static_assert(std::is_trivially_destructible_v<Wait>);
        if (waited_ && wait_.in_line()) [[unlikely]]
            wait_.give_up();
    }
    /// Joins the line; `what` goes to the Wait, too.
    template <class... What>
    void wait(promise_base& p, What&... what) {
        if (waited_) wait_.check_unused();
        waited_ = false;
        std::construct_at(std::addressof(wait_), primitive_, *p.task, what...);
        waited_ = true;
        p.task->wait_on(p, wait_);
    }
    /// The wait that was necessary, or null.
    [[nodiscard]] Wait* waited() noexcept { return waited_ ? std::addressof(wait_) : nullptr; }
    /// Takes what was waited for, if a wait was necessary. Throws what ended it instead.
    void finish() {
        if (waited_) [[unlikely]]
            wait_.finish();
    }
    Primitive& primitive_;

   private:
    bool waited_ = false;
    union {
        Wait wait_;  // made when the task has to wait
    };
};

/// The line. Its owner decides who is granted what; when it dies, those in line get an error.
class wait_list {
   public:
    wait_list() noexcept = default;
    wait_list(const wait_list&) = delete;
    wait_list& operator=(const wait_list&) = delete;
    ~wait_list() {
        if (first_ != nullptr) [[unlikely]]
            orphan_all();
    }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    /// Is there somebody who was not granted anything yet?
    [[nodiscard]] bool has_waiting() const noexcept { return next_ != nullptr; }
    /// How many were woken and have not had their turn.
    [[nodiscard]] std::size_t granted() const noexcept { return granted_; }
    /// The first in line; there must be one.
    [[nodiscard]] waiter& front() const noexcept { return *first_; }

    void push_back(waiter& w) noexcept {
        w.status_ = waiter::status::waiting;
        w.behind_ = nullptr;
        w.before_ = last_;
        (last_ != nullptr ? last_->behind_ : first_) = &w;
        last_ = &w;
        if (next_ == nullptr) next_ = &w;
    }
    void remove(waiter& w) noexcept {
        if (w.granted()) --granted_;
        if (next_ == &w) next_ = w.behind_;
        (w.before_ != nullptr ? w.before_->behind_ : first_) = w.behind_;
        (w.behind_ != nullptr ? w.behind_->before_ : last_) = w.before_;
    }

    /// Grants the next one in line and wakes its task. There must be one.
    waiter& wake_next() noexcept {
        waiter& w = grant_next();
        w.task_->wake_to_go_on();
        return w;
    }
    /// The same, but the task's turn begins with look().
    void wake_next_to_look() noexcept { grant_next().task_->wake_to_look(); }
    /// Takes back what was granted last: that task waits on, before all others who wait.
    void revoke_last() noexcept;
    /// Wakes all who wait; they leave the line.
    void release_all() noexcept;

    /// Debug mode: throws std::runtime_error if this thread does not run the loop of those in line.
    void check_thread(const char* operation) const {
        if (debug_was_on.load(std::memory_order_relaxed)) [[unlikely]]
            check_thread_of_those_in_line(operation);
    }
    /// Throws std::runtime_error if tasks of another loop stand in the line.
    void check_loop(const loop_core& loop, const char* kind) const {
        if (first_ != nullptr && first_->task_->loop != &loop) [[unlikely]]
            refuse_loop(kind);
    }

   private:
    waiter& grant_next() noexcept {
        waiter& w = *next_;
        next_ = w.behind_;
        w.status_ = waiter::status::granted;
        ++granted_;
        return w;
    }
    [[noreturn]] static void refuse_loop(const char* kind);
    void check_thread_of_those_in_line(const char* operation) const;
    void orphan_all() noexcept;

    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
    waiter* next_ = nullptr;
    std::size_t granted_ = 0;
};

waiter::waiter(wait_list& line, task_state_base& t, const char* kind) : line_(&line), task_(&t) {
    line.check_loop(*t.loop, kind);
    line.push_back(*this);
}

void waiter::suspend(promise_base& p) noexcept {
    task_ = p.task;
    line_->push_back(*this);
    task_->wait_on(p, *this);
}

void waiter::leave() noexcept {
    line_->remove(*this);
    status_ = status::idle;
}

/// Tells the running loop's exception handler of an error that a destructor cannot throw.
void report_sync_error(const char* where) noexcept;
/// Tells it that `primitive` dies before those who use it.
template <class Primitive>
void report_destroyed(const Primitive& primitive, const char* where) noexcept {
    try {
        throw std::runtime_error("asyncio: " + primitive.describe() +
                                 " was destroyed; it must outlive the tasks that use it");
    } catch (...) {
        report_sync_error(where);
    }
}

}  // namespace asyncio::detail
