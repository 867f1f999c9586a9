// run: the entry point of a program. runner: several runs on one loop. run_main: a whole main().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {
int run_main_guarded(int argc, char** argv,
                     function<coroutine<int>(std::vector<std::string>)> main);
}  // namespace detail

/// How a run behaves.
struct run_options {
    std::optional<bool> debug{};  ///< debug mode; not said: ASYNCIODEBUG, or -X dev under run_main
    bool handle_signals = true;   ///< SIGINT and SIGTERM end the main thread's run in order; a
                                  ///< second one ends the process
    /// How long tasks that were cancelled at the end, and threads of the default executor, may
    /// take. What does not end in time is reported by name and left.
    delay shutdown_deadline = std::chrono::minutes(5);
    loop_options loop{};
};

/// One loop for several runs, which share a context. Closes on destruction; then all that is left
/// is cancelled.
class runner {
   public:
    explicit runner(run_options options = {});
    runner(const runner&) = delete;
    runner& operator=(const runner&) = delete;
    ~runner();

    /// Runs `main` as a task and gives its result. Throws what it throws; keyboard_interrupt if
    /// SIGINT or SIGTERM ended it. Throws std::runtime_error inside a running loop and after
    /// close().
    template <awaitable Main>
    auto run(Main&& main) {
        if constexpr (detail::is_coroutine<Main>)
            if (!can_run()) main.close();  // without a report: the error says it
        check_can_run();
        return run_task(make_main(detail::to_coroutine(std::forward<Main>(main))));
    }
    /// The same for f(args...): it is called on the loop, arguments decay-copied.
    template <class F, class... Args>
        requires(!awaitable<F>)
    auto run(F&& f, Args&&... args) {
        check_can_run();
        return run_task(
            make_main(detail::to_coroutine(std::forward<F>(f), std::forward<Args>(args)...)));
    }
    /// The loop, made on first use.
    [[nodiscard]] event_loop& get_loop();
    /// Cancels the remaining tasks and waits for them, closes the open async generators, joins the
    /// default executor, closes the loop. Again: nothing.
    void close();

   private:
    template <class T>
    task<T> make_main(coroutine<T> c) {
        return detail::make_task(get_loop(), std::move(c), {.context = &context_}, {});
    }
    template <class T>
    T run_task(task<T> main) {
        drive(main);
        if constexpr (std::is_void_v<T>) {
            main.result();
        } else {
            return std::move(main).result();
        }
    }
    friend int detail::run_main_guarded(int, char**,
                                        detail::function<coroutine<int>(std::vector<std::string>)>);
    /// Keeps the awaits that an exception went through, because it outlives its task.
    int run_traced(coroutine<int> main, std::string& trace);
    [[nodiscard]] bool can_run() const noexcept {
        return !closed_ && detail::running_loop == nullptr;
    }
    void check_can_run() const;
    void drive(const task<>& main);
    void cancel_all_tasks();
    void close_generators();
    void run_to_deadline();

    run_options options_;
    std::unique_ptr<event_loop> loop_;
    context context_;
    bool closed_ = false;
};

namespace detail {
/// Closes by itself after a run that went well, so that what the end throws is not lost. Catches
/// everything, because an exception that nobody catches would leave the runner unclosed.
template <class... Main>
auto run_and_close(const run_options& options, Main&&... main) {
    try {
        runner r(options);
        if constexpr (std::is_void_v<decltype(r.run(std::forward<Main>(main)...))>) {
            r.run(std::forward<Main>(main)...);
            r.close();
        } else {
            auto result = r.run(std::forward<Main>(main)...);
            r.close();
            return result;
        }
    } catch (...) {
        throw;
    }
}
}  // namespace detail

/// Runs `main` on a new loop and gives its result: the entry point of a program. What is still
/// running when main is done is cancelled and awaited; the loop is closed. Throws what main throws.
template <awaitable Main>
auto run(Main&& main, run_options options = {}) {
    return detail::run_and_close(options, std::forward<Main>(main));
}
/// The same for a callable without arguments: run(f, {.debug = true}).
template <class F>
    requires(!awaitable<F>) && (!std::is_same_v<std::remove_cvref_t<F>, run_options>) &&
            (!std::is_invocable_v<std::decay_t<F>&, run_options>)
auto run(F&& f, run_options options) {
    return detail::run_and_close(options, std::forward<F>(f));
}
template <awaitable Main, class Option>
    requires(!std::is_convertible_v<Option, run_options>)
void run(Main&&, const Option&) {
    static_assert(!sizeof(Option),
                  "beside a coroutine, run takes options, in braces: run(main(), {.debug = true})");
}
/// The same for f(args...), called on the loop.
template <class F, class... Args>
    requires(!awaitable<F>) && (!std::is_same_v<std::remove_cvref_t<F>, run_options>)
auto run(F&& f, Args&&... args) {
    return detail::run_and_close({}, std::forward<F>(f), std::forward<Args>(args)...);
}

/// What "-X dev" and its like on a command line ask for, taken off argc and argv.
[[nodiscard]] run_options take_runtime_options(int& argc, char** argv);

namespace detail {
/// Calls run_main's function, with or without the arguments.
template <class F>
auto call_main(F& f, std::vector<std::string> arguments) {
    if constexpr (std::is_invocable_v<F&, std::vector<std::string>>)
        return f(std::move(arguments));
    else
        return f();
}

/// Whether run_main can run an F; else it does not compile, and says why.
template <class F>
constexpr bool check_main() {
    constexpr bool is_function = !declares_awaitable<F>;
    constexpr bool can_call =
        std::is_invocable_v<F&> || std::is_invocable_v<F&, std::vector<std::string>>;
    static_assert(
        is_function,
        "run_main takes the function itself, which it calls: run_main(argc, argv, amain)");
    static_assert(!is_function || can_call,
                  "run_main's function takes nothing, or a std::vector<std::string> with the "
                  "arguments");
    if constexpr (is_function && can_call) {
        constexpr bool gives_coroutine =
            is_coroutine<decltype(call_main(std::declval<F&>(), std::vector<std::string>()))>;
        static_assert(gives_coroutine,
                      "run_main's function returns a coroutine: asyncio::coroutine<int> of an exit "
                      "code, or asyncio::coroutine<>");
        return gives_coroutine;
    }
    return false;
}

template <class R>
coroutine<int> exit_code_of(coroutine<R> main) {
    if constexpr (std::is_void_v<R>) {
        co_await in_its_place(std::move(main));
        co_return 0;
    } else {
        static_assert(std::is_integral_v<R> || std::is_enum_v<R>,
                      "run_main's function returns a coroutine of an exit code or of nothing");
        co_return static_cast<int>(co_await in_its_place(std::move(main)));
    }
}
}  // namespace detail

/// A program's main: takes "-X dev" off the arguments, runs `async_main` and gives the exit code.
/// `async_main` takes nothing or the remaining arguments (std::vector<std::string>, the program's
/// name first), and returns a coroutine of an exit code or of nothing. SIGINT and SIGTERM: 130 and
/// 143. An uncaught error is written to standard error with the chain of awaits, and gives 1.
template <class F>
int run_main(int argc, char** argv, F async_main) {
    if constexpr (detail::check_main<F>()) {
        detail::check_not_null(async_main);
        return detail::run_main_guarded(
            argc, argv, [&async_main](std::vector<std::string> arguments) {
                return detail::exit_code_of(detail::call_main(async_main, std::move(arguments)));
            });
    } else {
        return 1;
    }
}

}  // namespace asyncio
