// concurrent_future<T>: a result for which a thread waits. It belongs to no loop and knows no
// await; wrap_future brings it to a loop.
//
//      pending --begin--> running --finish--> finished      every change happens once, under a lock
//         |--------------finish--------------^              (a coroutine is not `running`: until it
//         `-----cancel--> cancelled                          has ended, it can be cancelled)
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/base/delay.hpp"
#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/function.hpp"
#include "asyncio/base/intrusive.hpp"
#include "asyncio/base/memory.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/base/shared_count.hpp"
#include "asyncio/loop/handle.hpp"

namespace asyncio {

template <class T>
class concurrent_future;

namespace detail {

class mailbox;
struct concurrent_access;

/// What a loop shares with other threads and has to settle when it closes.
class loop_entry : public list_hook {
   public:
    virtual void loop_closed() noexcept = 0;

   protected:
    ~loop_entry() = default;
};

enum class concurrent_status : std::uint8_t { pending, running, finished, cancelled };

/// The erased core, for any thread.
class concurrent_state_base : public pooled {
   public:
    /// `home`: the loop that must run so that this gets done, or null.
    explicit concurrent_state_base(const loop_core* home = nullptr);
    concurrent_state_base(const concurrent_state_base&) = delete;
    concurrent_state_base& operator=(const concurrent_state_base&) = delete;

    void add_ref() noexcept { refs_.add(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }
    void add_handle() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
    // ORDER: release and acquire, so that the last handle may move the value that others have read.
    void drop_handle() noexcept { handles_.fetch_sub(1, std::memory_order_release); }
    [[nodiscard]] std::uint32_t handles() const noexcept {
        return handles_.load(std::memory_order_acquire);
    }
    // ORDER: acquire: whoever sees that it is done sees the result.
    [[nodiscard]] concurrent_status status() const noexcept {
        return status_.load(std::memory_order_acquire);
    }
    [[nodiscard]] bool done() const noexcept { return status() >= concurrent_status::finished; }

    /// Blocks until it is done. Throws timeout_error, and std::runtime_error on the home loop's own
    /// thread.
    void wait(delay timeout);
    /// Once it is done: the error, or null; throws a cancel. Counts as retrieved.
    std::exception_ptr get_exception();
    /// The same for a handle that is given away: the last one takes the error along, so that it
    /// does not die in another thread while somebody looks at it.
    std::exception_ptr take_exception();
    /// Throws the error, if there is one.
    static void check(std::exception_ptr error) {
        if (error) std::rethrow_exception(std::move(error));
    }
    /// Once it is cancelled.
    [[nodiscard]] const cancel_ref& cancel_why() const noexcept { return cancel_why_; }

    /// The work begins. False: it was cancelled, leave it.
    bool begin() noexcept;
    /// The end, with an error or with the value that the derived class holds. After a cancel:
    /// nothing.
    void finish(std::exception_ptr error) noexcept;
    /// True if it could be cancelled (and never runs), or was cancelled before.
    bool cancel(const cancel_ref& why) noexcept;
    /// cancel() in two parts: the decision, which runs no foreign code ...
    bool claim_cancel(const cancel_ref& why) noexcept;
    /// ... and its consequences: the work is dropped, and everybody is told.
    void settle_cancel() noexcept;
    /// Nobody will look at the exception, and that is in order.
    void disown() noexcept;
    /// Calls f() once it is done, on the thread that ends it; at once if it is done already.
    void add_listener(function<void()> f);
    /// A cancel will post `canceller` to `box`. False if it was cancelled already.
    bool set_canceller(const ref<mailbox>& box, ref<handle_state> canceller) noexcept;

    /// (work) Runs it; an executor's thread.
    virtual void run_work() noexcept {}

   protected:
    virtual ~concurrent_state_base();
    /// (work) It will not run: what it owns goes.
    virtual void drop_work() noexcept {}

   private:
    struct locked;
    std::unique_ptr<locked> locked_;
    std::exception_ptr exception_;
    cancel_ref cancel_why_;
    shared_count refs_;
    std::atomic<std::uint32_t> handles_{0};
    std::atomic<concurrent_status> status_{concurrent_status::pending};
    std::atomic<bool> unretrieved_{false};  ///< an exception that nobody has looked at
    bool disowned_ = false;
};

/// The value beside it. Written once, before finish().
template <class T>
class concurrent_state : public concurrent_state_base {
    using stored = std::conditional_t<
        std::is_void_v<T>, char,
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

   public:
    using concurrent_state_base::concurrent_state_base;
    template <class... U>
    void emplace(U&&... value) {
        if constexpr (std::is_reference_v<T>) {
            value_.emplace(std::addressof(value)...);
        } else {
            value_.emplace(std::forward<U>(value)...);
        }
    }
    decltype(auto) value() noexcept {
        if constexpr (std::is_reference_v<T>) {
            return (**value_);
        } else {
            return (*value_);
        }
    }

   private:
    std::optional<stored> value_;
};

[[noreturn]] void throw_shared_concurrent_move();
[[noreturn]] void throw_empty_concurrent_future();
[[nodiscard]] cancel_ref concurrent_cancel_request(std::string_view message,
                                                   std::source_location where);

/// One of the handles on a state: the last one may move the value out.
class concurrent_handle {
   public:
    concurrent_handle() noexcept = default;
    explicit concurrent_handle(ref<concurrent_state_base> state) noexcept
        : state_(std::move(state)) {
        if (state_) state_->add_handle();
    }
    concurrent_handle(const concurrent_handle& o) noexcept : concurrent_handle(o.state_) {}
    concurrent_handle(concurrent_handle&& o) noexcept : state_(std::move(o.state_)) {}
    concurrent_handle& operator=(concurrent_handle o) noexcept {
        std::swap(state_, o.state_);
        return *this;
    }
    ~concurrent_handle() {
        if (state_) state_->drop_handle();
    }
    [[nodiscard]] const ref<concurrent_state_base>& get() const noexcept { return state_; }
    [[nodiscard]] concurrent_state_base& checked() const {
        if (!state_) throw_empty_concurrent_future();
        return *state_;
    }

   private:
    ref<concurrent_state_base> state_;
};

}  // namespace detail

/// A shared handle on a result that another thread, or a loop in another thread, will produce. Made
/// by run_coroutine_threadsafe() and executor::submit(). Every member may be called on any thread;
/// one handle object belongs to one thread at a time, as a std::shared_ptr does. It cannot be
/// awaited: inside a coroutine write `co_await wrap_future(f)`.
template <class T = void>
class concurrent_future {
   public:
    using value_type = T;

    /// An empty handle; everything but assigning to it throws invalid_state_error.
    concurrent_future() noexcept = default;
    explicit concurrent_future(detail::ref<detail::concurrent_state_base> state) noexcept
        : handle_(std::move(state)) {}

    /// Blocks the thread until the result is there, at most for `timeout`, and gives a reference to
    /// it; throws the error, or cancelled_error. Throws timeout_error when the time is up: the work
    /// goes on, cancel() ends it. Throws std::runtime_error instead of waiting for a coroutine on
    /// the thread of its own loop.
    std::add_lvalue_reference_t<const T> result(delay timeout = delay::forever()) const& {
        state().wait(timeout);
        state().check(state().get_exception());
        if constexpr (!std::is_void_v<T>) return state().value();
    }
    /// The same for a handle that is given away: the result is moved out if it was the last handle,
    /// else copied.
    T result(delay timeout = delay::forever()) && {
        state().wait(timeout);
        state().check(state().take_exception());
        return take();
    }
    /// The error, or null. Blocks and throws as result() does.
    [[nodiscard]] std::exception_ptr exception(delay timeout = delay::forever()) const& {
        state().wait(timeout);
        return state().get_exception();
    }
    [[nodiscard]] std::exception_ptr exception(delay timeout = delay::forever()) && {
        state().wait(timeout);
        return state().take_exception();
    }
    /// True once there is a result or an error, or it was cancelled.
    [[nodiscard]] bool done() const { return state().done(); }
    /// True while an executor's thread runs the work: then it cannot be cancelled any more.
    [[nodiscard]] bool running() const {
        return state().status() == detail::concurrent_status::running;
    }
    /// True once it was cancelled.
    [[nodiscard]] bool cancelled() const {
        return state().status() == detail::concurrent_status::cancelled;
    }
    /// The future is cancelled at once: work that has not begun will never run, a coroutine's task
    /// is cancelled with `message`. False, and nothing happens, if work runs already or the result
    /// is there.
    bool cancel(std::string_view message = {},
                std::source_location where = std::source_location::current()) const {
        return state().cancel(detail::concurrent_cancel_request(message, where));
    }
    /// Calls f(future) once it is done, on the thread that ends it; at once if it is done already.
    /// What f throws is written to standard error.
    template <class F>
    void add_done_callback(F f) const {
        static_assert(
            std::is_invocable_v<F&, concurrent_future>,
            "a done callback is called with the future: write [](asyncio::concurrent_future<T> f) "
            "{ ... }");
        detail::check_not_null(f);
        state().add_listener([f = std::move(f), self = *this]() mutable { f(std::move(self)); });
    }
    /// False for an empty handle.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(handle_.get()); }

   private:
    friend struct detail::concurrent_access;
    T take() {
        if constexpr (std::is_reference_v<T>) {
            return state().value();
        } else if constexpr (!std::is_void_v<T>) {
            const bool last = state().handles() == 1;
            if constexpr (std::is_copy_constructible_v<T>) {
                if (!last) return state().value();
            } else {
                if (!last) detail::throw_shared_concurrent_move();
            }
            return std::move(state().value());
        }
    }
    detail::concurrent_state<T>& state() const {
        return static_cast<detail::concurrent_state<T>&>(handle_.checked());
    }
    detail::concurrent_handle handle_;
};

namespace detail {

/// The inside of a concurrent_future, for those that bring its result to a loop.
struct concurrent_access {
    template <class T>
    static concurrent_state<T>& state(const concurrent_future<T>& f) {
        return f.state();
    }
    /// The value once it is there: moved if `f` is the last handle, else copied.
    template <class T>
    static T take(concurrent_future<T>& f) {
        return f.take();
    }
};

}  // namespace detail

}  // namespace asyncio
