// simulate: an ordinary program on a simulated outside. Its time is virtual, who runs next is drawn
// from a seed, and the same seed gives the same run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/base/function.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "asyncio/testing/errors.hpp"
#include "asyncio/testing/network.hpp"
#include "asyncio/testing/trace.hpp"

namespace asyncio::testing {

/// What a simulated run was like.
struct simulation_report {
    std::uint64_t seed = 0;                  ///< what the random choices followed from
    scheduling strategy = scheduling::fifo;  ///< how the ready ones were picked
    /// Covers every step, its task and its time: equal for equal runs, also between compilers.
    std::uint64_t trace_hash = 0;
    std::uint64_t steps = 0;              ///< callbacks and steps of tasks that ran
    std::chrono::nanoseconds elapsed{0};  ///< on the simulation's clock
    trace decisions;
    std::uint64_t faults[fault_kinds] = {};  ///< how often each has happened
    [[nodiscard]] std::uint64_t count(fault f) const noexcept {
        return faults[static_cast<std::size_t>(f)];
    }
};

/// What becomes of a program that asks the system for the time, as std::chrono's clocks do.
enum class wall_clock_use : std::uint8_t {
    refused,  ///< simulation_error, if the program includes <asyncio/testing.hpp>
    allowed,  ///< it gets the real time
};

/// How a program is simulated.
struct simulate_options {
    std::uint64_t seed = 1;  ///< the environment's ASYNCIO_SIM_SEED wins
    scheduling strategy = scheduling::random;
    /// How late the clock may be when it jumps to a deadline. Zero: a tenth of the jump under
    /// scheduling::timer_jitter, else never late.
    delay timer_jitter = std::chrono::nanoseconds(0);
    /// Longest time a function may take that was given to an executor; it runs at a random moment.
    delay executor_delay = std::chrono::milliseconds(10);
    network_options network{};
    delay time_limit = delay::forever();     ///< of virtual time; then time_limit_error
    std::uint64_t step_limit = 100'000'000;  ///< the same for steps
    wall_clock_use wall_clock = wall_clock_use::refused;
    bool run_twice = false;               ///< and throw nondeterminism_error if it differs
    bool quiet = false;                   ///< do not write failing seeds to standard error
    const trace* replay = nullptr;        ///< its seed and decisions instead of those here
    simulation_report* report = nullptr;  ///< filled also if the run fails
};

}  // namespace asyncio::testing

namespace asyncio::detail {

/// A program to be simulated, with the place of its result.
class sim_program {
   public:
    sim_program() = default;
    sim_program(const sim_program&) = delete;
    sim_program& operator=(const sim_program&) = delete;
    virtual ~sim_program() = default;
    /// Makes the main task, not started yet on anything.
    virtual task<> start(event_loop& loop) = 0;
    /// Lets go of the result.
    virtual void forget() noexcept = 0;
};

template <class T>
class typed_sim_program : public sim_program {
   public:
    T take_result() {
        if constexpr (std::is_void_v<T>) {
            main_.result();
        } else {
            return std::move(main_).result();
        }
    }
    void forget() noexcept override { main_ = {}; }

   protected:
    task<T> main_;
};

/// A coroutine: it can run once.
template <class T>
class coroutine_sim_program final : public typed_sim_program<T> {
   public:
    explicit coroutine_sim_program(coroutine<T> main) : main_coroutine_(std::move(main)) {}
    task<> start(event_loop& loop) override {
        this->main_ = make_task(loop, std::move(main_coroutine_), {.name = "main"}, {});
        return this->main_;
    }

   private:
    coroutine<T> main_coroutine_;
};

template <class F>
using sim_result = std::decay_t<await_result_t<std::invoke_result_t<F&>>>;

/// A callable that gives a coroutine, as often as it is called.
template <class F>
class callable_sim_program final : public typed_sim_program<sim_result<F>> {
   public:
    explicit callable_sim_program(F& make_main) noexcept : make_main_(make_main) {}
    task<> start(event_loop& loop) override {
        this->main_ = make_task(loop, to_coroutine(make_main_()), {.name = "main"}, {});
        return this->main_;
    }

   private:
    F& make_main_;
};

/// Runs it. `repeatable`: it can be started again.
void run_simulation(sim_program& program, const testing::simulate_options& options,
                    bool repeatable);

template <class F>
constexpr void check_sim_main() {
    static_assert(std::is_invocable_v<F&>,
                  "a simulation takes a coroutine, or a callable without parameters that returns "
                  "one; bind the arguments with a lambda");
    if constexpr (std::is_invocable_v<F&>)
        static_assert(awaitable<std::invoke_result_t<F&>>,
                      "the callable must return a coroutine: write `-> asyncio::coroutine<>`");
}

}  // namespace asyncio::detail

namespace asyncio::testing {

/// Runs `main` as asyncio::run() would, but simulated: no time passes, whatever it sleeps. Gives
/// its result and throws what it throws. Throws deadlock_error instead of hanging; simulation_error
/// if the program was reported to have lost an exception, a task or a coroutine. A failing seed is
/// written to standard error with the command that runs it again.
///
/// Not simulated: threads that the program makes itself (a thread_pool_executor is), signals,
/// descriptors of the operating system, and std::chrono's clocks. Ask the loop for the time.
template <class T>
T simulate(coroutine<T> main, simulate_options options = {}) {
    detail::coroutine_sim_program<T> program(std::move(main));
    detail::run_simulation(program, options, false);
    return program.take_result();
}
/// The same for a callable without parameters that returns a coroutine. It is called on the loop,
/// once per run.
template <class F>
    requires(!detail::is_coroutine<std::remove_cvref_t<F>>)
auto simulate(F&& make_main, simulate_options options = {}) {
    detail::check_sim_main<F>();
    detail::callable_sim_program<std::remove_reference_t<F>> program(make_main);
    detail::run_simulation(program, options, true);
    return program.take_result();
}

/// Throws expectation_error with the place and `what` unless `condition` holds: a check for
/// programs that are simulated. Every framework takes an exception for a failure.
void expect(bool condition, std::string_view what = "expectation",  // NOLINT: a condition
            std::source_location where = std::source_location::current());

}  // namespace asyncio::testing
