#include "asyncio/loop/event_loop.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <system_error>

#include "loop/loop_private.hpp"
#include "sys/process_events.hpp"

namespace asyncio {

namespace detail {

void fd_watch::on_ready(unsigned events) noexcept {
    if ((events & io_read) != 0 && reader) queue(reader);
    if ((events & io_write) != 0 && writer) queue(writer);
}

void fd_watch::queue(ref<handle_state>& place) noexcept {
    place->queue();
    if (!place->cancelled()) return;
    // Nobody wants to be told any more. The ready queue has the last reference, so that the
    // callback is not destroyed in the middle of a poll.
    place = {};
    outside_.watch(*this, events());
}

}  // namespace detail

namespace {

/// A variable of the environment; empty if it is not set.
std::string_view environment(const char* name) noexcept {
    const char* value = std::getenv(name);
    return value != nullptr ? value : std::string_view();
}

/// What ASYNCIO_BACKEND says.
backend_choice chosen_by_environment() {
    const std::string_view value = environment("ASYNCIO_BACKEND");
    if (value.empty() || value == "automatic") return backend_choice::automatic;
    if (value == "epoll") return backend_choice::epoll;
    if (value == "io_uring") return backend_choice::io_uring;
    throw std::invalid_argument("asyncio: the environment says ASYNCIO_BACKEND=" +
                                std::string(value) + "; it may be automatic, epoll or io_uring");
}

std::unique_ptr<detail::backend> make_backend(backend_choice choice) {
    const bool asks = choice == backend_choice::automatic;
    if (asks) choice = chosen_by_environment();
    if (choice == backend_choice::io_uring) return detail::make_uring_backend();
    // PERF: epoll is the best for all that was measured; see docs/benchmarks.md.
    const bool told = asks && choice == backend_choice::epoll;
    return detail::make_epoll_backend(told ? "chosen by ASYNCIO_BACKEND" : "");
}

}  // namespace

event_loop::event_loop(std::unique_ptr<detail::backend> b)
    : loop_core(std::move(b)), private_(std::make_unique<detail::loop_private>()) {
    static const bool once = [] {
        detail::on_fork_child([] { detail::running_loop = nullptr; });
        return true;
    }();
    (void)once;
    const std::string_view wanted = environment("ASYNCIODEBUG");
    set_debug(!wanted.empty() && wanted != "0");
}

event_loop::~event_loop() = default;
void event_loop::destroy() noexcept { delete this; }

void event_loop::abandon() noexcept {
    if (running_) {
        std::fputs("asyncio: a running event loop was destroyed; let run_forever() return first\n",
                   stderr);
        std::abort();
    }
    close();
    release();
}

/// Makes a loop the running one of this thread.
class running_scope {
   public:
    explicit running_scope(event_loop& loop) : loop_(loop) {
        loop.check_can_run();
        loop.running_ = true;
        loop.take_from_host();
        detail::running_loop = &loop;
        outer_ = std::exchange(detail::loop_of_turn, &loop);
    }
    running_scope(const running_scope&) = delete;
    running_scope& operator=(const running_scope&) = delete;
    ~running_scope() {
        loop_.running_ = false;
        loop_.stopping_ = false;
        detail::running_loop = nullptr;
        detail::loop_of_turn = outer_;
    }

   private:
    event_loop& loop_;
    detail::loop_core* outer_ = nullptr;  ///< a forked child may run a loop inside a step
};

void event_loop::check_can_run() const {
    if (closed || closing_)
        throw std::runtime_error("asyncio: the event loop is closed; make a new one");
    if (running_)
        throw std::runtime_error(
            "asyncio: this event loop is already running; inside a coroutine write co_await");
    if (detail::running_loop != nullptr)
        throw std::runtime_error(
            "asyncio: another event loop already runs in this thread; inside a coroutine write "
            "co_await instead of run(...)");
}

void event_loop::run_forever() {
    const running_scope scope(*this);
    run_turns(true);
}

delay event_loop::run_ready() {
    struct host_scope {
        event_loop& loop;
        ~host_scope() { loop.leave_to_host(); }
    };
    {
        check_can_run();
        const host_scope at_end{*this};
        const running_scope scope(*this);
        ask_next_turn();
        run_turns(false);
    }
    return until_next_timer();
}

void event_loop::close() {
    if (running_)
        throw std::runtime_error("asyncio: cannot close a running event loop; stop() it first");
    if (closed || std::exchange(closing_, true)) return;
    take_from_host();
    refuse_posts();
    do {
        drop_tasks();
    } while (!tasks.empty());  // a destructor may have made one
    drop_ready();
    closed = true;
    while (!private_->signals.empty()) remove_signal_handler(private_->signals.begin()->first);
    auto watches = std::exchange(private_->watches, {});
    for (auto& [fd, w] : watches) outside->watch(w, 0);
    watches.clear();
    for (auto& s : slots) s.reset();
    exception_handler_ = nullptr;
}

void event_loop::drop_ready() noexcept {
    // Callbacks and timers will not run: their references go. Tasks were dropped before.
    while (!ready.empty()) {
        detail::ready_node& n = ready.pop();
        if (n.run == detail::handle_state::runner())
            static_cast<detail::handle_state&>(n).release();
        else
            detail::expiry::drop(n);
    }
    timers.clear();
}

void event_loop::check_usable_slowly(const char* api) const {
    if (closed)
        throw std::runtime_error(std::string("asyncio: ") + api + ": the event loop is closed");
    check_thread(api);
}

void event_loop::check_thread(const char* api) const {
    if (debug && running_ && !on_loop_thread())
        throw std::runtime_error(
            std::string("asyncio: ") + api +
            " was called from a thread that does not run this loop; use call_soon_threadsafe");
}

handle event_loop::schedule_handle(detail::ref<detail::handle_state> h) {
    check_usable("call_soon");
    h->queue_first();
    return handle(std::move(h));
}

handle event_loop::post_handle(detail::ref<detail::handle_state> h) {
    if (on_loop_thread()) return schedule_handle(std::move(h));
    h->add_first_ref();  // the inbox's reference
    if (!post(detail::ref<detail::handle_state>::adopt(h.get())))
        throw std::runtime_error("asyncio: call_soon_threadsafe: the event loop is closed");
    return handle(std::move(h));
}

timer_handle event_loop::schedule_timer(time_point when, detail::ref<detail::handle_state> h) {
    check_usable("call_at");
    timers.arm(*h, when, &detail::handle_state::fire);
    h->add_first_ref();  // the timer queue's reference
    if (host_waits()) outside->arm_fileno(timers.next());
    return timer_handle(std::move(h), when);
}

handle event_loop::watch(int fd, unsigned event, detail::ref<detail::handle_state> h) {
    check_usable(event == detail::io_read ? "add_reader" : "add_writer");
    if (fd < 0)
        throw std::invalid_argument("asyncio: add_reader/add_writer: the descriptor is negative");
    const auto [at, made] = private_->watches.try_emplace(fd, *outside, fd);
    detail::fd_watch& w = at->second;
    auto& place = event == detail::io_read ? w.reader : w.writer;
    // Also when it is watched already: the number may stand for another file by now.
    if (const int error = outside->watch(w, w.events() | event); error != 0) {
        if (made) private_->watches.erase(at);
        std::string what = "asyncio: descriptor " + std::to_string(fd) + " cannot be watched";
        if (error == EPERM)
            what += " (a regular file is always ready: read it in a thread, with to_thread)";
        if (error == EEXIST) what += " (a stream or socket of this loop owns it)";
        if (simulated)
            what +=
                " (the system's descriptors are not simulated: use open_connection, start_server "
                "or "
                "a socket of this library)";
        throw std::system_error(error, std::generic_category(), what);
    }
    h->set_what(event == detail::io_read ? "a reader callback" : "a writer callback");
    const auto replaced = std::exchange(place, h);
    if (replaced) replaced->cancel();
    return handle(std::move(h));
}

bool event_loop::unwatch(int fd, unsigned event) noexcept {
    const auto at = private_->watches.find(fd);
    if (at == private_->watches.end()) return false;
    detail::fd_watch& w = at->second;
    auto& place = event == detail::io_read ? w.reader : w.writer;
    if (!place) return false;
    const auto removed = std::move(place);  // destroyed last: its destructor may remove others
    removed->cancel();
    const int error = outside->watch(w, w.events());
    // A descriptor that was closed too early may have a copy that still wakes the watch.
    if (w.events() == 0 && error == 0) private_->watches.erase(at);
    return true;
}

void event_loop::watch_signal(int number, detail::ref<detail::handle_state> h) {
    check_usable("add_signal_handler");
    const auto [at, made] = private_->signals.try_emplace(number);
    const int error = detail::watch_signal(number, signal_arrived_, *outside);
    if (error != 0 && made) private_->signals.erase(at);
    if (error == EBUSY)
        throw std::runtime_error("asyncio: signal " + std::to_string(number) +
                                 " is handled by another event loop; remove its handler first");
    if (error != 0)
        throw std::system_error(error, std::generic_category(),
                                "asyncio: signal " + std::to_string(number) + " cannot be handled");
    h->set_what("a signal handler");
    const auto replaced = std::exchange(at->second, std::move(h));
}

bool event_loop::remove_signal_handler(int number) noexcept {
    const auto removed = private_->signals.extract(number);
    if (!removed) return false;
    detail::unwatch_signal(number);
    removed.mapped()->cancel();  // also a call that is queued already
    return true;
}

void event_loop::collect_signals() noexcept {
    signal_arrived_.store(false);
    for (auto& [number, h] : private_->signals)
        if (detail::take_signal(number)) h->queue();
}

namespace {

std::string text_of(const std::exception_ptr& e) noexcept {
    try {
        return detail::describe(e);
    } catch (...) {
        return {};  // out of memory
    }
}

}  // namespace

void event_loop::call_exception_handler(const exception_context& context) {
    const auto handler = exception_handler_;
    if (handler == nullptr) {
        default_exception_handler(context);
        return;
    }
    try {
        (*handler)(*this, context);
    } catch (...) {
        const std::exception_ptr e = std::current_exception();
        if (detail::is_fatal(e)) throw;
        std::fprintf(stderr, "Unhandled error in exception handler: %s\n", text_of(e).c_str());
        default_exception_handler(context);
    }
}

void event_loop::default_exception_handler(const exception_context& context) noexcept {
    try {
        std::string text = context.message;
        if (!context.task_name.empty()) text += "\n  task: " + context.task_name;
        if (context.exception) text += "\n  exception: " + detail::describe(context.exception);
        if (!context.details.empty()) text += "\n" + context.details;
        if (!text.ends_with('\n')) text += "\n";
        std::fwrite(text.data(), 1, text.size(), stderr);
    } catch (...) {
        std::fprintf(stderr, "%s\n", context.message.c_str());  // out of memory
    }
}

void event_loop::report_slow(const char* what, std::chrono::nanoseconds took, std::string task_name,
                             std::string details) {
    char number[64];
    std::snprintf(number, sizeof number,
                  " took %.3f seconds; the loop could do nothing else meanwhile",
                  std::chrono::duration<double>(took).count());
    call_exception_handler({.message = std::string("Executing ") + what + number,
                            .exception = nullptr,
                            .task_name = std::move(task_name),
                            .details = std::move(details)});
}

std::unique_ptr<event_loop> make_loop(std::unique_ptr<detail::backend> outside) {
    return std::unique_ptr<event_loop>(new event_loop(std::move(outside)));
}

std::unique_ptr<event_loop> new_event_loop(loop_options options) {
    constexpr auto longest_spin = std::chrono::milliseconds(1);
    if (options.spin.count() < 0 || options.spin > longest_spin)
        throw std::invalid_argument(
            "asyncio: loop_options::spin is " + std::to_string(options.spin.count()) +
            " ns; it keeps a core busy, so it may be 0 (off) to 1 ms: try 50us");
    auto loop = make_loop(make_backend(options.backend));
    loop->spin = options.spin;
    return loop;
}

event_loop& get_running_loop() {
    if (detail::running_loop == nullptr)
        throw std::runtime_error(
            "asyncio: no event loop runs in this thread; start one with asyncio::run(main())");
    return static_cast<event_loop&>(*detail::running_loop);
}

}  // namespace asyncio
