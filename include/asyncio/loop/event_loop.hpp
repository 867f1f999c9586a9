// The event loop as users drive it. What belongs to higher rooms (tasks, executors, sockets) is
// declared here, as in Python, and defined in its room.
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/base/function.hpp"
#include "asyncio/loop/handle.hpp"
#include "asyncio/loop/loop_core.hpp"

namespace asyncio {

template <class T>
class future;
template <class T>
class task;
class executor;
class process_pool_executor;
struct process_call_options;
template <class T>
class coroutine;
class socket;
class socket_address;
struct address_info;
struct getaddrinfo_options;
struct name_info;
struct task_options;
enum class numeric_names : unsigned char;

/// Which interface to the kernel a loop uses.
enum class backend_choice : unsigned char {
    automatic,  ///< what ASYNCIO_BACKEND in the environment says; else the faster one, epoll
    epoll,
    io_uring,  ///< or epoll, if the kernel refuses: loop.backend() tells why
};

/// How a loop is made.
struct loop_options {
    backend_choice backend = backend_choice::automatic;  ///< the interface to the kernel
    /// How long a loop without work looks for some before it goes to sleep, up to 1 ms. An answer
    /// that comes within that time finds the loop awake: the round trip is shorter by two wake-ups
    /// of the kernel, and a core is busy meanwhile. 0: sleeps at once.
    std::chrono::nanoseconds spin{0};
};

/// What an exception handler is told.
struct exception_context {
    std::string message;           ///< what happened, in a sentence
    std::exception_ptr exception;  ///< null if there is none
    std::string task_name;         ///< empty if no task was involved
    std::string details;  ///< creation site and async stack, one fact per line; may be empty
};

namespace detail {
struct loop_private;
class future_state_base;
class recv_operation;
class recv_into_operation;
class recv_from_operation;
class send_all_operation;
class send_to_operation;
class accept_operation;
class sock_connect_operation;

/// The place of a call, where another overload takes options: `{}` means options.
struct caller {
    caller(std::source_location at) noexcept : where(at) {}
    std::source_location where;
};
}  // namespace detail

/// Runs callbacks, tasks, timers and I/O on the thread that runs it. Made by new_event_loop().
/// Everything but call_soon_threadsafe() belongs to the loop's thread. Dropping it closes it.
class event_loop final : public detail::loop_core {
   public:
    /// Runs until stop() is called. Throws std::runtime_error if this loop or another one already
    /// runs in this thread.
    void run_forever();
    /// Ends run_forever() after the current round. Before it: the next run does one round and ends.
    void stop() noexcept { stopping_ = true; }
    /// Runs until `aw` is done and gives its result or throws its exception. A coroutine becomes a
    /// task.
    template <class Awaitable>
    auto run_until_complete(Awaitable&& aw,
                            std::source_location where = std::source_location::current());
    /// Ends the loop: drops callbacks, reports and destroys tasks that are still pending, closes
    /// its descriptors. Closing twice is harmless; closing a running loop throws
    /// std::runtime_error.
    void close();
    [[nodiscard]] bool is_running() const noexcept { return running_; }
    [[nodiscard]] bool is_closed() const noexcept { return closed; }
    /// The loop's clock, to which call_at() refers. Monotonic.
    [[nodiscard]] time_point time() const noexcept { return now(); }

    /// Runs f(args...) in the next round. FIFO, once. Arguments are stored by value (std::ref to
    /// refer).
    template <class F, class... Args>
    handle call_soon(F&& f, Args&&... args) {
        return schedule_handle(
            detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// The same from any thread, and from a signal handler's thread: wakes the loop. Throws if it
    /// is closed.
    template <class F, class... Args>
    handle call_soon_threadsafe(F&& f, Args&&... args) {
        return post_handle(
            detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// Runs f(args...) after `after`; negative: in the next round, earliest deadline first.
    template <class F, class... Args>
    timer_handle call_later(delay after, F&& f, Args&&... args) {
        return schedule_timer(
            after.after(time()),
            detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// Runs f(args...) at `when` on the loop's clock. Equal moments are FIFO.
    template <class F, class... Args>
    timer_handle call_at(time_point when, F&& f, Args&&... args) {
        return schedule_timer(
            when, detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }

    /// A future of this loop that nobody has set yet.
    template <class T = void>
    [[nodiscard]] future<T> create_future(
        std::source_location where = std::source_location::current());
    /// asyncio::create_task on this loop, also while it does not run.
    template <class T>
    task<T> create_task(coroutine<T>&& c, detail::caller at = std::source_location::current());
    template <class T>
    task<T> create_task(coroutine<T>&& c, task_options options,
                        std::source_location where = std::source_location::current());
    template <class A>
    auto create_task(A&& a, task_options options);
    template <class F, class... Args>
    auto create_task(F&& f, Args&&... args);
    template <class F, class... Args>
    auto create_task(task_options options, F&& f, Args&&... args);

    /// Calls f(args...) each time `fd` is readable. Replaces and cancels the reader that was there.
    /// The loop does not own the descriptor: remove the reader before you close it. Throws
    /// std::system_error if it cannot be watched.
    template <class F, class... Args>
    handle add_reader(int fd, F&& f, Args&&... args) {
        return watch(fd, detail::io_read,
                     detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// The same for writable.
    template <class F, class... Args>
    handle add_writer(int fd, F&& f, Args&&... args) {
        return watch(fd, detail::io_write,
                     detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// False if there was none.
    bool remove_reader(int fd) noexcept { return unwatch(fd, detail::io_read); }
    bool remove_writer(int fd) noexcept { return unwatch(fd, detail::io_write); }

    /// Calls f(args...) as a callback of the loop each time the signal arrives. One loop at a time
    /// owns a signal.
    template <class F, class... Args>
    void add_signal_handler(int signal_number, F&& f, Args&&... args) {
        watch_signal(signal_number,
                     detail::make_handle(*this, std::forward<F>(f), std::forward<Args>(args)...));
    }
    /// Restores what the process did before. False if there was no handler.
    bool remove_signal_handler(int signal_number) noexcept;

    /// f(loop, context) is told what nobody else could handle. Null restores the default. Harmless
    /// inside a handler.
    template <class F>
    void set_exception_handler(F&& f) {
        static_assert(std::is_invocable_v<std::decay_t<F>&, event_loop&, const exception_context&>,
                      "an exception handler is called with (asyncio::event_loop& loop, const "
                      "asyncio::exception_context& context)");
        if (detail::is_null(f))
            exception_handler_ = nullptr;
        else
            exception_handler_ = std::make_shared<exception_handler>(std::forward<F>(f));
    }
    void set_exception_handler(std::nullptr_t) noexcept { exception_handler_ = nullptr; }
    /// Tells the handler; never throws, but for keyboard_interrupt and system_exit.
    void call_exception_handler(const exception_context& context);
    /// Writes the context to standard error.
    void default_exception_handler(const exception_context& context) noexcept;

    /// Debug mode: on or off, also while the loop runs; what takes long is reported from the next
    /// turn on.
    void set_debug(bool on) noexcept {  // NOLINT: Python's name and form
        debug = on;
        // ORDER: relaxed: a thread that has not seen it yet is one that nobody could have caught.
        if (on) detail::debug_was_on.store(true, std::memory_order_relaxed);
    }
    /// Whether debug mode is on.
    [[nodiscard]] bool get_debug() const noexcept { return debug; }
    /// In debug mode a callback or a step of a task that takes longer is reported. Default 100 ms.
    [[nodiscard]] std::chrono::nanoseconds slow_callback_duration() const noexcept {
        return slow_callback;
    }
    void slow_callback_duration(std::chrono::nanoseconds d) noexcept { slow_callback = d; }

    /// Which interface to the kernel is used, and why: "io_uring", "epoll (io_uring refused: ...)".
    [[nodiscard]] std::string backend() const { return outside->name(); }
    /// For hosts with a loop of their own: a descriptor that is readable when run_ready() has
    /// something to do. From then on the loop uses epoll.
    [[nodiscard]] int fileno() noexcept { return outside->fileno(); }
    /// Runs rounds until nothing is ready, never waits; gives the time until the next deadline.
    delay run_ready();

    /// Calls f(args...) in `pool` (null: the default one, made on demand) and gives a future of its
    /// result.
    template <class F, class... Args>
    auto run_in_executor(executor* pool, F&& f, Args&&... args);
    /// The same in another process, for callables and arguments that can be sent
    /// (asyncio/process_pool.hpp); a cancel kills the call.
    template <std::same_as<process_pool_executor> Pool, class F, class... Args>
        requires(!std::same_as<std::remove_cvref_t<F>, process_call_options>)
    auto run_in_executor(Pool* pool, F&& f, Args&&... args);
    template <std::same_as<process_pool_executor> Pool, class F, class... Args>
    auto run_in_executor(Pool* pool, process_call_options options, F&& f, Args&&... args);
    /// The executor for null. The loop shuts it down when it closes.
    void set_default_executor(std::unique_ptr<executor> pool);
    [[nodiscard]] executor& default_executor();
    /// Lets the default executor take no more calls and gives a future that is done when its
    /// threads have ended, or after `timeout`: then the exception handler is told how many did not.
    /// The loop goes on meanwhile.
    future<void> shutdown_default_executor(delay timeout = std::chrono::minutes(5));

    /// Closes every async_generator that has started on this loop and not ended, all at once, and
    /// waits for their clean-up. The exception handler is told of their errors. A run does so at
    /// its end.
    [[nodiscard]] coroutine<void> shutdown_asyncgens();

    /// Calls on bare sockets (asyncio/net/socket.hpp), to be awaited. Each suspends only if the
    /// socket makes it wait; a cancel ends the wait at once and consumes nothing. At most one call
    /// per socket and direction waits, another throws std::runtime_error. Errors of the system are
    /// std::system_error.
    ///
    /// Receives up to `n` bytes; gives an empty string at the end.
    [[nodiscard]] detail::recv_operation sock_recv(const socket& s, std::size_t n);
    /// Receives into memory that lives until the call has ended; gives the count, 0 at the end.
    [[nodiscard]] detail::recv_into_operation sock_recv_into(const socket& s, std::span<char> into);
    /// Receives a datagram, cut off after `n` bytes.
    [[nodiscard]] detail::recv_from_operation sock_recvfrom(const socket& s, std::size_t n);
    /// Sends all of `data`, which lives until the call has ended. After a cancel or an error nobody
    /// knows how much was sent.
    [[nodiscard]] detail::send_all_operation sock_sendall(const socket& s, std::string_view data);
    /// Sends a datagram; gives the count.
    [[nodiscard]] detail::send_to_operation sock_sendto(const socket& s, std::string_view data,
                                                        const socket_address& to);
    /// Connects. After a cancel the socket is good for nothing but close().
    [[nodiscard]] detail::sock_connect_operation sock_connect(const socket& s,
                                                              const socket_address& to);
    /// Accepts a connection: gives the new socket and the peer's address.
    [[nodiscard]] detail::accept_operation sock_accept(const socket& s);

    /// Looks up the addresses of a name (asyncio/net/resolver.hpp), in a thread unless it is
    /// numeric. An empty host is this machine. A cancel ends the wait at once. Throws
    /// std::system_error of resolver_category() if there are none, std::invalid_argument for a port
    /// outside 0..65535.
    [[nodiscard]] coroutine<std::vector<address_info>> getaddrinfo(std::string host, int port);
    [[nodiscard]] coroutine<std::vector<address_info>> getaddrinfo(
        std::string host, int port, const getaddrinfo_options& options);
    /// The same for the name of a service: "http".
    [[nodiscard]] coroutine<std::vector<address_info>> getaddrinfo(std::string host,
                                                                   std::string service);
    [[nodiscard]] coroutine<std::vector<address_info>> getaddrinfo(
        std::string host, std::string service, const getaddrinfo_options& options);
    /// Looks up the names of an address.
    [[nodiscard]] coroutine<name_info> getnameinfo(const socket_address& address);
    /// The same, without asking anybody for those that stay numeric.
    [[nodiscard]] coroutine<name_info> getnameinfo(const socket_address& address,
                                                   numeric_names numeric);

    /// Debug mode: `what` of the task (or callback) ran for `took`. `details`: where it was.
    void report_slow(const char* what, std::chrono::nanoseconds took, std::string task_name,
                     std::string details);
    /// Throws std::runtime_error if the loop is closed; in debug mode, if this is not the loop's
    /// thread.
    void check_usable(const char* api) const {
        if (closed || debug) [[unlikely]]
            check_usable_slowly(api);
    }
    /// In debug mode: throws std::runtime_error if this is not the loop's thread.
    void check_thread(const char* api) const;
    /// Throws std::runtime_error if the loop is closed or running, or if another one runs in this
    /// thread.
    void check_can_run() const;

    /// One slot per higher room, which keeps its own things here. Destroyed by close().
    struct slot {
        virtual ~slot() = default;
    };
    /// Which room a slot belongs to.
    enum slot_name : unsigned {
        generator_slot,
        executor_slot,
        network_slot,
        debug_slot,
        slot_count
    };
    /// For the rooms above only.
    std::unique_ptr<slot> slots[slot_count];

   private:
    void check_usable_slowly(const char* api) const;
    friend std::unique_ptr<event_loop> new_event_loop(loop_options);
    friend std::unique_ptr<event_loop> make_loop(std::unique_ptr<detail::backend>);
    friend class running_scope;
    friend class runner;
    friend struct std::default_delete<event_loop>;
    explicit event_loop(std::unique_ptr<detail::backend> b);
    ~event_loop();
    void destroy() noexcept override;
    void collect_signals() noexcept override;
    handle schedule_handle(detail::ref<detail::handle_state> h);
    handle post_handle(detail::ref<detail::handle_state> h);
    timer_handle schedule_timer(time_point when, detail::ref<detail::handle_state> h);
    handle watch(int fd, unsigned event, detail::ref<detail::handle_state> h);
    bool unwatch(int fd, unsigned event) noexcept;
    void watch_signal(int signal_number, detail::ref<detail::handle_state> h);
    void run_until_done(detail::future_state_base& f);
    void drop_tasks() noexcept;
    void drop_ready() noexcept;
    void abandon() noexcept;

    using exception_handler = detail::function<void(event_loop&, const exception_context&)>;
    bool running_ = false;
    bool closing_ = false;
    std::shared_ptr<const exception_handler> exception_handler_;  // a call in progress keeps it
    std::unique_ptr<detail::loop_private> private_;
};

}  // namespace asyncio

/// Dropping a loop closes it; its memory stays until the last future that refers to it is gone.
template <>
struct std::default_delete<asyncio::event_loop> {
    void operator()(asyncio::event_loop* loop) const noexcept { loop->abandon(); }
};

namespace asyncio {

/// A loop that is not running yet. Throws std::system_error if the kernel refuses, and
/// std::invalid_argument if an option is out of range or ASYNCIO_BACKEND names no backend.
[[nodiscard]] std::unique_ptr<event_loop> new_event_loop(loop_options options = {});
/// A loop over a given outside: what simulations use.
[[nodiscard]] std::unique_ptr<event_loop> make_loop(std::unique_ptr<detail::backend> outside);
/// The loop that runs in this thread. Throws std::runtime_error if none does.
[[nodiscard]] event_loop& get_running_loop();

}  // namespace asyncio
