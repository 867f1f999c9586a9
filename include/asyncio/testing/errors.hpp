// How a simulated run can fail, beside what the program itself throws.
#pragma once

#include <stdexcept>
#include <string>

namespace asyncio::testing {

/// The simulation found something wrong that no exception of the program tells.
class simulation_error : public std::runtime_error {
   public:
    explicit simulation_error(const std::string& what) : std::runtime_error(what) {}
};

/// Nothing is ready, no timer is armed and nothing outside is on its way, but the program has not
/// ended. The text is the wait-for graph: each task, its awaits, what it waits for, and the cycles.
class deadlock_error : public simulation_error {
   public:
    explicit deadlock_error(const std::string& what) : simulation_error(what) {}
};

/// The program did not end within the time or the number of steps that it was given. The text
/// tells what each task waits for.
class time_limit_error : public simulation_error {
   public:
    explicit time_limit_error(const std::string& what) : simulation_error(what) {}
};

/// The same seed gave two different runs: the program uses something that is not simulated (the
/// wall clock, a thread, an address, an unordered container's order).
class nondeterminism_error : public simulation_error {
   public:
    explicit nondeterminism_error(const std::string& what) : simulation_error(what) {}
};

/// A fault was asked for and never happened, so that the test has proven nothing about it.
class fault_never_fired : public simulation_error {
   public:
    explicit fault_never_fired(const std::string& what) : simulation_error(what) {}
};

/// What expect() throws.
class expectation_error : public simulation_error {
   public:
    explicit expectation_error(const std::string& what) : simulation_error(what) {}
};

}  // namespace asyncio::testing
