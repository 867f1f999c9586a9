// The three drivers that try everything that can go wrong, one thing at a time: a cancel at each
// suspension, a failure of each allocation, an error of each call to the system.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "asyncio/testing/interpose.hpp"
#include "asyncio/testing/simulate.hpp"

namespace asyncio::testing {

/// Whom cancel_everywhere() cancels.
enum class cancel_target : unsigned char {
    main_task,   ///< the main task
    every_task,  ///< each task that suspends
};

/// How the three drivers run a program.
struct everywhere_options {
    /// Whom cancel_everywhere() cancels.
    cancel_target target = cancel_target::main_task;
    /// Accept every exception from the program. Else cancel_everywhere() accepts a cancel,
    /// fail_every_allocation() std::bad_alloc, fail_every_call() std::system_error and what the
    /// streams and the compositions make of it; anything else is a failure.
    bool any_error = false;
    /// At most so many runs; 0: no limit. What is beyond is tried in even steps.
    std::uint64_t max_runs = 0;
    /// How each run is simulated. Its report is ignored.
    simulate_options each{.strategy = scheduling::fifo, .time_limit = std::chrono::hours(24 * 365)};
};

/// What a driver has done.
struct everywhere_report {
    std::uint64_t runs = 0;              ///< each with one thing gone wrong
    std::uint64_t points = 0;            ///< where something could go wrong in the undisturbed run
    std::uint64_t ended_well = 0;        ///< runs that ended as if nothing had happened
    std::uint64_t ended_with_error = 0;  ///< runs whose main task ended with an accepted error
};

/// Something was left behind, hung, or ended wrongly. The text says after what, and where.
class everywhere_failed : public std::runtime_error {
   public:
    explicit everywhere_failed(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace asyncio::testing

namespace asyncio::detail {

enum class everywhere : unsigned char { cancel, allocation, call };

testing::everywhere_report run_everywhere(everywhere what, sim_program& program,
                                          function<void()> check,
                                          const testing::everywhere_options& options);

struct no_check {
    void operator()() const noexcept {}
};

template <class F, class Check>
testing::everywhere_report run_everywhere(everywhere what, F& make_main, Check& check,
                                          const testing::everywhere_options& options) {
    check_sim_main<F>();
    static_assert(std::is_invocable_v<Check&>,
                  "the check is a callable without parameters, which throws if something is wrong");
    callable_sim_program<F> program(make_main);
    return run_everywhere(what, program, function<void()>([&check] { check(); }), options);
}

}  // namespace asyncio::detail

namespace asyncio::testing {

/// Runs the coroutine that `make_main` gives again and again, and cancels it: before it starts, at
/// its first suspension, just before it goes on from there, at its second one, and so on; each
/// once, and then again at the next suspension, where it cleans up. After each run no task, frame,
/// allocation or descriptor may be left; then `check()` looks at what the program kept and throws
/// if something is missing. Throws everywhere_failed with the awaits of the task that was
/// cancelled.
template <class F, class Check = detail::no_check>
    requires std::is_invocable_v<Check&>
everywhere_report cancel_everywhere(F&& make_main, Check check = {},
                                    everywhere_options options = {}) {
    return detail::run_everywhere(detail::everywhere::cancel, make_main, check, options);
}
template <class F>
everywhere_report cancel_everywhere(F&& make_main, everywhere_options options) {
    return cancel_everywhere(make_main, detail::no_check{}, options);
}

/// The same with one allocation per run that fails, the first, the second and so on: of the
/// library's frames and states, and of operator new on this thread.
template <class F, class Check = detail::no_check>
    requires std::is_invocable_v<Check&>
everywhere_report fail_every_allocation(F&& make_main, Check check = {},
                                        everywhere_options options = {}) {
    return detail::run_everywhere(detail::everywhere::allocation, make_main, check, options);
}
template <class F>
everywhere_report fail_every_allocation(F&& make_main, everywhere_options options) {
    return fail_every_allocation(make_main, detail::no_check{}, options);
}

/// The same with one call on a socket, or lookup of a name, per run that fails with each error that
/// it can give, or does less than it was asked for.
template <class F, class Check = detail::no_check>
    requires std::is_invocable_v<Check&>
everywhere_report fail_every_call(F&& make_main, Check check = {},
                                  everywhere_options options = {}) {
    return detail::run_everywhere(detail::everywhere::call, make_main, check, options);
}
template <class F>
everywhere_report fail_every_call(F&& make_main, everywhere_options options) {
    return fail_every_call(make_main, detail::no_check{}, options);
}

}  // namespace asyncio::testing
