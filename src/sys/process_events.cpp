#include "sys/process_events.hpp"

#include <pthread.h>
#include <signal.h>

#include <cerrno>

namespace asyncio::detail {

namespace {

struct signal_watch {
    std::atomic<backend*> who{nullptr};
    std::atomic<std::atomic<bool>*> arrived{nullptr};
    std::atomic<bool> pending{false};
    struct sigaction before{};
};
constexpr int signal_count = 65;
signal_watch watches[signal_count];

extern "C" void asyncio_signal_arrived(int number) {
    signal_watch& w = watches[number];
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

void unwatch_signal(int number) noexcept {
    signal_watch& w = watches[number];
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

void on_fork_child(void (*f)()) noexcept { ::pthread_atfork(nullptr, nullptr, f); }

}  // namespace asyncio::detail
