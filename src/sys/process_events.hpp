// What happens to the whole process: signals and fork.
#pragma once

#include <atomic>

#include "asyncio/sys/backend.hpp"

namespace asyncio::detail {

/// Watches a signal: each arrival is counted, sets `arrived` and wakes `who`. errno; EBUSY if
/// another loop has it.
int watch_signal(int number, std::atomic<bool>& arrived, backend& who) noexcept;
/// A watched signal asks the process to end: if it or another such signal comes again, the process
/// ends at once, whatever its threads are doing. Forgets those that have come so far.
void end_at_second_signal(int number) noexcept;
/// Restores what the process did with the signal before.
void unwatch_signal(int number) noexcept;
/// True once per batch of arrivals since the last call.
[[nodiscard]] bool take_signal(int number) noexcept;
/// True if nobody in this process handles or ignores it.
[[nodiscard]] bool signal_is_default(int number) noexcept;
/// Ends the process by the signal, as if nobody had watched it; what is buffered is written first.
[[noreturn]] void end_by_signal(int number) noexcept;
/// Is this the thread that the process began with?
[[nodiscard]] bool in_main_thread() noexcept;
/// `f` runs in each forked child.
void on_fork_child(void (*f)()) noexcept;

}  // namespace asyncio::detail
