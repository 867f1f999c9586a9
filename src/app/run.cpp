#include "asyncio/app/run.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "sys/process_events.hpp"

namespace asyncio {

namespace {

/// SIGINT and SIGTERM while a main task runs: the first one cancels it, the second one ends the
/// process.
class signal_guard {
   public:
    signal_guard(event_loop& loop, task<> main, bool wanted) : loop_(loop), main_(std::move(main)) {
        if (!wanted || !detail::in_main_thread()) return;
        watch(SIGINT);
        watch(SIGTERM);
    }
    signal_guard(const signal_guard&) = delete;
    signal_guard& operator=(const signal_guard&) = delete;
    ~signal_guard() {
        for (const int number : {SIGINT, SIGTERM})
            if (watched(number)) loop_.remove_signal_handler(number);
    }
    [[nodiscard]] int arrived() const noexcept { return arrived_; }

   private:
    /// Leaves alone a signal that the program handles itself, or that another loop's run handles.
    void watch(int number) {
        if (!detail::signal_is_default(number)) return;
        try {
            loop_.add_signal_handler(number, [this, number] { on_signal(number); });
        } catch (const std::runtime_error&) {
            return;
        }
        detail::end_at_second_signal(number);
        (number == SIGINT ? interrupt_ : terminate_) = true;
    }
    [[nodiscard]] bool watched(int number) const noexcept {
        return number == SIGINT ? interrupt_ : terminate_;
    }
    void on_signal(int number) {
        if (arrived_ != 0) return;
        arrived_ = number;
        main_.state()->cancel(detail::make_cancel(number == SIGINT ? "SIGINT" : "SIGTERM",
                                                  cancel_kind::signal, {},
                                                  std::source_location::current()));
    }

    event_loop& loop_;
    task<> main_;
    int arrived_ = 0;
    bool interrupt_ = false;
    bool terminate_ = false;
};

std::terminate_handler terminate_otherwise = nullptr;

/// A program that does not catch its interrupt ends by the signal, instead of being aborted.
[[noreturn]] void on_uncaught() {
    try {
        if (std::current_exception()) throw;
    } catch (const keyboard_interrupt& e) {
        detail::end_by_signal(e.signal_number());
    } catch (...) {
    }
    terminate_otherwise();
    std::abort();
}

[[noreturn]] void throw_interrupt(int number) {
    // Signals reach only the main thread's run.
    if (terminate_otherwise == nullptr) terminate_otherwise = std::set_terminate(on_uncaught);
    throw keyboard_interrupt(number);
}

}  // namespace

runner::runner(run_options options) : options_(options) {}

runner::~runner() {
    try {
        close();
    } catch (...) {
        std::fprintf(stderr, "asyncio: closing the runner failed: %s\n",
                     detail::describe(std::current_exception()).c_str());
    }
}

void runner::check_can_run() const {
    if (can_run()) return;
    if (closed_) throw std::runtime_error("asyncio: this runner is closed; make a new one");
    throw std::runtime_error(
        "asyncio: run() was called while an event loop runs in this thread; inside a coroutine "
        "write co_await");
}

event_loop& runner::get_loop() {
    if (closed_) throw std::runtime_error("asyncio: this runner is closed; make a new one");
    if (!loop_) {
        loop_ = new_event_loop(options_.loop);
        if (options_.debug) loop_->set_debug(*options_.debug);
    }
    return *loop_;
}

void runner::drive(const task<>& main) {
    const signal_guard guard(*loop_, main, options_.handle_signals);
    loop_->run_until_done(*main.state());
    if (guard.arrived() != 0 && main.cancelled() && main.uncancel() == 0)
        throw_interrupt(guard.arrived());
}

int runner::run_traced(coroutine<int> main, std::string& trace) {
    check_can_run();
    const task<int> t = make_main(std::move(main));
    try {
        return run_task(t);
    } catch (...) {
        trace = detail::format_trace(static_cast<detail::task_state_base&>(*t.state()),
                                     std::current_exception());
        throw;
    }
}

/// Until stop(), or until the time for the shutdown is up.
void runner::run_to_deadline() {
    timer_handle deadline;
    if (!options_.shutdown_deadline.is_forever())
        deadline = loop_->call_later(options_.shutdown_deadline, [this] { loop_->stop(); });
    loop_->run_forever();
    deadline.cancel();
}

void runner::close_generators() {
    if (!loop_->slots[event_loop::generator_slot]) return;
    const task<> closing = loop_->create_task(loop_->shutdown_asyncgens());
    closing.add_done_callback([this](const future<>&) { loop_->stop(); });
    run_to_deadline();
    if (!closing.done())
        std::fputs(
            "asyncio: async generators did not close within the shutdown deadline, they are "
            "dropped\n",
            stderr);
}

void runner::cancel_all_tasks() {
    const std::vector<task<>> left = all_tasks(loop_.get());
    if (left.empty()) return;
    const auto why = detail::make_cancel("the run is ending", cancel_kind::shutdown, {},
                                         std::source_location::current());
    std::size_t pending = left.size();
    for (const task<>& t : left) {
        t.add_done_callback([&pending, this](const future<>&) {
            if (--pending == 0) loop_->stop();
        });
        t.state()->cancel(why);
    }
    run_to_deadline();
    for (const task<>& t : left) {
        if (!t.done()) {
            std::fprintf(
                stderr,
                "asyncio: a task did not end within the shutdown deadline, it is dropped\n%s",
                detail::format_stack(static_cast<detail::task_state_base&>(*t.state())).c_str());
        } else if (!t.cancelled()) {
            if (std::exception_ptr e = t.exception())
                loop_->call_exception_handler(
                    {.message = "unhandled exception during asyncio.run() shutdown",
                     .exception = e,
                     .task_name = t.get_name(),
                     .details = {}});
        }
    }
}

void runner::close() {
    if (closed_) return;
    closed_ = true;
    if (!loop_) return;
    struct closer {
        event_loop& loop;
        ~closer() { loop.close(); }
    };
    {
        const closer at_end{*loop_};
        cancel_all_tasks();
        close_generators();
        loop_->run_until_complete(loop_->shutdown_default_executor(options_.shutdown_deadline));
    }
    loop_.reset();
}

run_options take_runtime_options(int& argc, char** argv) {
    run_options options;
    int kept = argc > 0 ? 1 : 0;
    for (int i = 1; i < argc; ++i) {
        // Only what stands before the program's own arguments is ours.
        if (std::strcmp(argv[i], "-Xdev") == 0) {
            options.debug = true;
        } else if (std::strcmp(argv[i], "-X") == 0 && i + 1 < argc &&
                   std::strcmp(argv[i + 1], "dev") == 0) {
            options.debug = true;
            ++i;
        } else if (std::strcmp(argv[i], "--") == 0) {
            while (i < argc) argv[kept++] = argv[i++];
        } else {
            argv[kept++] = argv[i];
        }
    }
    if (kept < argc) argv[kept] = nullptr;
    argc = kept;
    return options;
}

namespace detail {

namespace {

/// What a shell expects of a program that a signal ended, and of one that failed.
int exit_code_of_current(const std::string& trace) {
    try {
        throw;
    } catch (const keyboard_interrupt& e) {
        return 128 + e.signal_number();
    } catch (const system_exit& e) {
        return e.code();
    } catch (...) {
        std::string text = "asyncio: the program ended with an uncaught exception\n  exception: " +
                           describe(std::current_exception()) + "\n";
        if (!trace.empty()) text += trace + "\n";
        std::fwrite(text.data(), 1, text.size(), stderr);
        return 1;
    }
}

}  // namespace

int run_main_guarded(int argc, char** argv,
                     function<coroutine<int>(std::vector<std::string>)> main) {
    std::string trace;
    try {
        runner r(take_runtime_options(argc, argv));
        std::vector<std::string> arguments(argv, argv + argc);
        const int code = r.run_traced(main(std::move(arguments)), trace);
        r.close();
        return code;
    } catch (...) {
        return exit_code_of_current(trace);
    }
}

}  // namespace detail
}  // namespace asyncio
