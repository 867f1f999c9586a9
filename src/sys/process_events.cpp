#include "sys/process_events.hpp"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

namespace asyncio::detail {

namespace {

struct signal_watch {
    std::atomic<backend*> who{nullptr};
    std::atomic<std::atomic<bool>*> arrived{nullptr};
    std::atomic<bool> pending{false};
    std::atomic<bool> ends_process{false};
    struct sigaction before{};
};
constexpr int signal_count = 65;
signal_watch watches[signal_count];

std::atomic<int> asked_to_end{0};  // the signal that did, if one has come
std::atomic<std::int64_t> asked_at{0};

std::int64_t nanoseconds_now() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

/// Runs in a signal handler.
void note_request_to_end(int number) noexcept {
    // One request may come twice, from the terminal and from a parent that hands it on.
    constexpr std::int64_t same_request = 20'000'000;
    int none = 0;
    if (asked_to_end.compare_exchange_strong(none, number)) {
        asked_at.store(nanoseconds_now());
        return;
    }
    if (nanoseconds_now() - asked_at.load() < same_request) return;
    constexpr char text[] = "asyncio: a second signal: stopped at once\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(128 + asked_to_end.load());
}

extern "C" void asyncio_signal_arrived(int number) {
    signal_watch& w = watches[number];
    if (w.ends_process.load()) note_request_to_end(number);
    w.pending.store(true);
    if (std::atomic<bool>* arrived = w.arrived.load()) arrived->store(true);
    if (backend* who = w.who.load()) who->wake();
}

}  // namespace

int watch_signal(int number, std::atomic<bool>& arrived, backend& who) noexcept {
    if (number <= 0 || number >= signal_count) return EINVAL;
    signal_watch& w = watches[number];
    backend* nobody = nullptr;
    if (!w.who.compare_exchange_strong(nobody, &who)) return nobody == &who ? 0 : EBUSY;
    w.pending.store(false);
    w.arrived.store(&arrived);
    struct sigaction action{};
    action.sa_handler = &asyncio_signal_arrived;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(number, &action, &w.before) == 0) return 0;
    const int error = errno;
    w.arrived.store(nullptr);
    w.who.store(nullptr);
    return error;
}

void end_at_second_signal(int number) noexcept {
    asked_to_end.store(0);
    watches[number].ends_process.store(true);
}

void unwatch_signal(int number) noexcept {
    signal_watch& w = watches[number];
    w.ends_process.store(false);
    ::sigaction(number, &w.before, nullptr);
    w.arrived.store(nullptr);
    w.who.store(nullptr);
}

bool take_signal(int number) noexcept { return watches[number].pending.exchange(false); }

bool signal_is_default(int number) noexcept {
    struct sigaction now{};
    return ::sigaction(number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
           now.sa_handler == SIG_DFL;
}

void end_by_signal(int number) noexcept {
    std::fflush(nullptr);
    ::signal(number, SIG_DFL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(number);
    ::_exit(128 + number);
}

bool in_main_thread() noexcept { return ::gettid() == ::getpid(); }

void on_fork_child(void (*f)()) noexcept { ::pthread_atfork(nullptr, nullptr, f); }

}  // namespace asyncio::detail
