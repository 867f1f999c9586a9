// Every exception of the library, and why something was cancelled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "asyncio/base/memory.hpp"
#include "asyncio/base/ref.hpp"
#include "asyncio/base/shared_count.hpp"

namespace asyncio {

/// What made a cancel happen.
enum class cancel_kind : std::uint8_t {
    explicit_request,  ///< somebody called cancel()
    deadline,          ///< a timeout expired
    sibling_failed,    ///< another member of the task group failed
    shutdown,          ///< the loop or its run is ending
    signal,            ///< SIGINT or SIGTERM
};

/// The word for a kind: "explicit", "deadline", "sibling failed", "shutdown", "signal".
[[nodiscard]] std::string_view to_string(cancel_kind kind) noexcept;

/// Why something was cancelled: what made it happen, the name of the task that asked (empty: no
/// task), and the place in the program that asked.
struct cancel_reason {
    cancel_kind kind = cancel_kind::explicit_request;  ///< what made it happen
    std::string who;                                   ///< the task that asked
    std::source_location where;                        ///< the place that asked; line 0: unknown
};

namespace detail {

/// One cancel request, shared by everything that it reaches. Counted atomically: an exception may
/// cross threads.
class cancel_record : public pooled {
   public:
    /// `who()` gives the name, in its place.
    template <class Who>
    cancel_record(std::string_view text, cancel_kind kind, Who&& who, std::source_location where)
        : message(text), reason{kind, who(), where} {}
    void add_ref() noexcept { refs_.add(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }
    std::string message;
    std::string ended_wait;  ///< of a deadline: what it was too early for; empty: unknown
    cancel_reason reason;

   private:
    ~cancel_record() = default;
    shared_count refs_{1};  // whoever made it has one
};

using cancel_ref = ref<cancel_record>;

/// A request made now, at `where`, by the task that is running (if any).
[[nodiscard]] cancel_ref make_cancel(std::string_view message, cancel_kind kind, std::string who,
                                     std::source_location where);

}  // namespace detail

/// Thrown at the await of a task that was cancelled. Deliberately not a std::exception, so that
/// `catch (const std::exception&)` does not swallow a cancel. Catch it to clean up, then rethrow
/// it.
class cancelled_error {
   public:
    /// A cancel that carries a message and no known origin.
    explicit cancelled_error(std::string_view message = {});
    explicit cancelled_error(const detail::cancel_ref& record) noexcept : record_(record) {}

    /// The text given to cancel(), or an empty one.
    [[nodiscard]] std::string_view message() const noexcept;
    /// Why: the kind, who asked, and where.
    [[nodiscard]] const cancel_reason& reason() const noexcept;
    /// A sentence with all of it, for logs.
    [[nodiscard]] std::string describe() const;
    [[nodiscard]] const detail::cancel_ref& record() const noexcept { return record_; }

   private:
    detail::cancel_ref record_;
};

/// The time given to wait_for, timeout, as_completed or a connect was up. The text that wait_for
/// and timeout give it tells what took too long, and the place of the limit.
class timeout_error : public std::runtime_error {
   public:
    timeout_error() : std::runtime_error("asyncio: timed out") {}
    explicit timeout_error(const std::string& what) : std::runtime_error(what) {}
};

/// The operation does not fit the state: a result asked too early, a future set twice, a coroutine
/// awaited twice.
class invalid_state_error : public std::logic_error {
   public:
    explicit invalid_state_error(const std::string& what) : std::logic_error(what) {}
};

/// get_nowait() found the queue empty.
class queue_empty : public std::runtime_error {
   public:
    queue_empty() : std::runtime_error("asyncio: the queue is empty") {}
};

/// put_nowait() found the queue full.
class queue_full : public std::runtime_error {
   public:
    queue_full() : std::runtime_error("asyncio: the queue is full") {}
};

/// The queue was shut down: nothing can be put, and nothing is left to get.
class queue_shut_down : public std::runtime_error {
   public:
    queue_shut_down() : std::runtime_error("asyncio: the queue was shut down") {}
};

/// The barrier was reset or aborted while tasks waited, or is broken.
class broken_barrier_error : public std::runtime_error {
   public:
    explicit broken_barrier_error(const std::string& what) : std::runtime_error(what) {}
};

/// The stream ended before everything that was asked for had arrived. partial() is what did arrive.
class incomplete_read_error : public std::runtime_error {
   public:
    /// `expected` 0: unknown (a separator was looked for).
    incomplete_read_error(std::string partial, std::size_t expected);
    /// What had arrived; nothing of it is lost.
    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
    /// How many bytes were asked for; 0 if that was not known.
    [[nodiscard]] std::size_t expected() const noexcept { return expected_; }

   private:
    std::string partial_;
    std::size_t expected_;
};

/// A separator was not found within the reader's limit. Nothing that was read is lost.
class limit_overrun_error : public std::runtime_error {
   public:
    limit_overrun_error(const std::string& what, std::size_t consumed)
        : std::runtime_error(what), consumed_(consumed) {}
    /// How many bytes can be taken before looking again.
    [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }

   private:
    std::size_t consumed_;
};

/// Several errors at once: what the children of a task group threw, or every address that did not
/// connect.
class exception_group : public std::runtime_error {
   public:
    exception_group(const std::string& message, std::vector<std::exception_ptr> exceptions);
    /// The message without the members' texts.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept {
        return exceptions_;
    }

   private:
    std::string message_;
    std::vector<std::exception_ptr> exceptions_;
};

/// A process of a process pool ended while it made a call, or the pool has lost its means to make
/// any. The text names the process and the signal.
class broken_process_pool : public std::runtime_error {
   public:
    explicit broken_process_pool(const std::string& what, int signal_number = 0)
        : std::runtime_error(what), signal_number_(signal_number) {}
    /// The signal that ended the process; 0 if it was none.
    [[nodiscard]] int signal_number() const noexcept { return signal_number_; }

   private:
    int signal_number_;
};

/// What a call in another process has thrown, if it is of a type that is not sent as itself. what()
/// is "type: message".
class remote_error : public std::runtime_error {
   public:
    remote_error(std::string type, std::string message);
    /// The name of the type, as the program writes it.
    [[nodiscard]] const std::string& type() const noexcept { return type_; }
    /// What it said; empty if it says nothing.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

   private:
    std::string type_;
    std::string message_;
};

/// SIGINT or SIGTERM ended the run. Like Python's KeyboardInterrupt it is not a std::exception, and
/// it leaves the loop. A program that does not catch it ends by that signal.
class keyboard_interrupt {
   public:
    keyboard_interrupt() noexcept = default;
    explicit keyboard_interrupt(int signal_number) noexcept : signal_number_(signal_number) {}
    /// SIGINT or SIGTERM.
    [[nodiscard]] int signal_number() const noexcept { return signal_number_; }

   private:
    int signal_number_ = 2;
};

/// Ends the program with a code from anywhere: it is stored on the task and leaves the loop;
/// run_main returns the code. Like Python's SystemExit it is not a std::exception.
class system_exit {
   public:
    explicit system_exit(int code = 0) noexcept : code_(code) {}
    /// The exit code for the system.
    [[nodiscard]] int code() const noexcept { return code_; }

   private:
    int code_;
};

namespace detail {

/// The type and text of an exception, for reports: "std::runtime_error: no route".
[[nodiscard]] std::string describe(const std::exception_ptr& e);
/// The exception itself: two pointers may hold the same one.
[[nodiscard]] const void* thrown_object(const std::exception_ptr& e) noexcept;
/// The cancelled_error inside `e`, or null. Looks at the type, throws nothing.
[[nodiscard]] const cancelled_error* as_cancelled(const std::exception_ptr& e) noexcept;
/// keyboard_interrupt and system_exit leave the loop instead of being stored only.
[[nodiscard]] bool is_fatal(const std::exception_ptr& e) noexcept;

// Inlined: every call between a throw and its catch makes it a fifth slower, and one that has
// something to destroy on the way much more.
[[noreturn, gnu::always_inline]] inline void throw_cancelled(const cancel_ref& record) {
    throw cancelled_error(record);
}
/// The same without a throw.
[[nodiscard]] std::exception_ptr make_cancelled(const cancel_ref& record) noexcept;
[[noreturn]] void throw_invalid_state(const char* what);
[[noreturn]] void throw_runtime_error(const char* what);
[[noreturn]] void throw_invalid_argument(const char* what);

}  // namespace detail
}  // namespace asyncio
