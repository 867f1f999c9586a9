#include "sys/call_limits.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace asyncio::detail {

namespace {

rlimit memory_before{};

/// The private memory of this process, as the kernel counts it for RLIMIT_DATA.
std::uint64_t private_memory() noexcept {
    unsigned long pages = 0;
    if (std::FILE* f = std::fopen("/proc/self/statm", "re")) {
        if (std::fscanf(f, "%*u %*u %*u %*u %*u %lu", &pages) != 1) pages = 0;
        std::fclose(f);
    }
    return std::uint64_t{pages} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// The timer that counts this process's CPU time; made once.
int cpu_timer(timer_t& out) noexcept {
    static timer_t timer{};
    static const int error = [] {
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGXCPU;
        return ::timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0 ? 0 : errno;
    }();
    out = timer;
    return error;
}

int arm(std::uint64_t ns) noexcept {
    timer_t timer{};
    if (const int error = cpu_timer(timer); error != 0) return error;
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    return ::timer_settime(timer, 0, &when, nullptr) == 0 ? 0 : errno;
}

}  // namespace

int begin_limits(const call_limits& limits) noexcept {
    if (limits.memory != call_limits::unlimited) {
        if (::getrlimit(RLIMIT_DATA, &memory_before) != 0) return errno;
        rlimit now = memory_before;
        const std::uint64_t used = private_memory();
        const std::uint64_t most = used + std::min(limits.memory, ~std::uint64_t{0} - used);
        now.rlim_cur = std::min<rlim_t>(now.rlim_cur, most);
        if (::setrlimit(RLIMIT_DATA, &now) != 0) return errno;
    }
    if (limits.cpu_ns != call_limits::unlimited)
        return arm(std::max<std::uint64_t>(limits.cpu_ns, 1));  // 0 would mean: never
    return 0;
}

void end_limits(const call_limits& limits) noexcept {
    if (limits.cpu_ns != call_limits::unlimited) arm(0);
    if (limits.memory != call_limits::unlimited) ::setrlimit(RLIMIT_DATA, &memory_before);
}

bool is_cpu_limit_signal(int number) noexcept { return number == SIGXCPU; }

}  // namespace asyncio::detail
