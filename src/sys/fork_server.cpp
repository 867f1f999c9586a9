#include "sys/fork_server.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sys/packets.hpp"

namespace asyncio::detail {

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr int expected_threads = 2;  // the sanitizer has one of its own
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr int expected_threads = 2;
#else
constexpr int expected_threads = 1;
#endif
#else
constexpr int expected_threads = 1;
#endif

/// Whether a thread of this process may hold a lock. One that was joined is listed for a moment
/// more, and the kernel's own threads for io_uring are listed, too.
bool runs_code_of_ours(int thread) noexcept {
    constexpr unsigned exiting = 0x4;     // PF_EXITING
    constexpr unsigned io_worker = 0x10;  // PF_IO_WORKER
    char text[512];
    std::snprintf(text, sizeof text, "/proc/self/task/%d/stat", thread);
    std::FILE* file = std::fopen(text, "re");
    if (file == nullptr) return false;  // it has ended
    const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
    std::fclose(file);
    text[size] = '\0';
    // The name of the thread is in brackets and may hold anything.
    const char* rest = std::strrchr(text, ')');
    unsigned flags = 0;
    if (rest == nullptr || std::sscanf(rest, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
        return false;
    return (flags & (exiting | io_worker)) == 0;
}

/// What goes over the control socket.
struct news_packet {
    fork_news::kind what;
    int pid;
    int status;
    int error;
};

int open_pidfd(int pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// Calls f(number) for each entry of a directory of numbers; gives false if there is none.
template <class F>
bool for_each_number(const char* path, F f) noexcept {
    DIR* directory = ::opendir(path);
    if (directory == nullptr) return false;
    const int own = ::dirfd(directory);
    while (const dirent* entry = ::readdir(directory)) {
        if (entry->d_name[0] != '.') f(std::atoi(entry->d_name), own);
    }
    ::closedir(directory);
    return true;
}

/// Files and devices stay open, because a log may be among them. Sockets, pipes and event queues
/// are closed: their other ends would never see an end, and a closed one would wake its old queue.
void close_inherited(int keep, int keep_too) noexcept {
    for_each_number("/proc/self/fd", [=](int fd, int listing) {
        struct stat what{};
        if (fd <= STDERR_FILENO || fd == keep || fd == keep_too || fd == listing) return;
        if (::fstat(fd, &what) != 0) return;
        if (!S_ISREG(what.st_mode) && !S_ISCHR(what.st_mode) && !S_ISDIR(what.st_mode)) ::close(fd);
    });
}

/// Nothing of this process's handlers is right in another one, but for those that report a crash.
/// Ctrl-C goes to every process of a terminal: the first one decides.
void reset_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction now{};
        if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
            number == SIGABRT || number == SIGTRAP)
            continue;
        if (::sigaction(number, nullptr, &now) != 0) continue;
        if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_IGN)
            ::signal(number, SIG_DFL);
    }
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGQUIT, SIG_IGN);
    ::signal(SIGXCPU, SIG_DFL);  // ends a call at its limit
    ::signal(SIGCHLD, SIG_DFL);  // tells of ends
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void empty_standard_input() noexcept {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0) return;
    ::dup2(null, STDIN_FILENO);
    ::close(null);
}

/// The fork server's own life.
class server {
   public:
    server(descriptor control, descriptor parent, worker_main main) noexcept
        : control_(std::move(control)), parent_(std::move(parent)), main_(main) {}

    void run() noexcept {
        ::prctl(PR_SET_NAME, "asyncio-forks");
        reset_signals();
        close_inherited(control_.get(), parent_.get());
        empty_standard_input();
        // A request to end goes to the program, which may want to finish calls first.
        terminate_ = ::signal(SIGTERM, SIG_IGN);
        hang_up_ = ::signal(SIGHUP, SIG_IGN);
        sigset_t child;
        ::sigemptyset(&child);
        ::sigaddset(&child, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &child, nullptr);
        children_ = descriptor(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
        while (wait_and_work()) {
        }
        end_workers();
    }

   private:
    /// False when it is time to end.
    bool wait_and_work() noexcept {
        pollfd files[] = {
            {control_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}, {parent_.get(), POLLIN, 0}};
        if (::poll(files, parent_ ? 3 : 2, -1) < 0) return errno == EINTR;
        if (files[2].revents != 0) return false;
        if (files[1].revents != 0) reap();
        if (files[0].revents == 0) return true;
        char request = 0;
        packet_descriptors none;
        const sys_result got =
            receive_packet(control_.get(), {&request, 1}, none, packet_wait::as_long_as_it_takes);
        if (!got.ok() || got.value == 0) return false;
        fork_worker();
        return true;
    }

    void fork_worker() noexcept {
        descriptor own;
        descriptor theirs;
        if (const int error = open_packets(own, theirs); error != 0) {
            tell({fork_news::kind::failed, 0, 0, error}, {});
            return;
        }
        const int server_pid = ::getpid();
        const int pid = ::fork();
        if (pid < 0) {
            tell({fork_news::kind::failed, 0, 0, errno}, {});
            return;
        }
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != server_pid) ::_exit(0);  // it died before
            own.close();
            control_.close();
            parent_.close();
            children_.close();
            ::signal(SIGTERM, terminate_);
            ::signal(SIGHUP, hang_up_);
            sigset_t none;
            ::sigemptyset(&none);
            ::sigprocmask(SIG_SETMASK, &none, nullptr);
            ::prctl(PR_SET_NAME, "asyncio-worker");
            main_(theirs.release());
            ::_exit(0);
        }
        const descriptor process(open_pidfd(pid));
        if (!process) {
            const int error = errno;
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
            tell({fork_news::kind::failed, 0, 0, error}, {});
            return;
        }
        workers_.push_back(pid);
        const int fds[] = {own.get(), process.get()};
        tell({fork_news::kind::started, pid, 0, 0}, fds);
    }

    void reap() noexcept {
        signalfd_siginfo ignored[8];
        while (::read(children_.get(), ignored, sizeof ignored) > 0) {
        }
        int status = 0;
        for (int pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            std::erase(workers_, pid);
            tell({fork_news::kind::ended, pid, status, 0}, {});
        }
    }

    void end_workers() noexcept {
        for (const int pid : workers_) ::kill(pid, SIGKILL);
        while (::waitpid(-1, nullptr, 0) > 0) {
        }
    }

    void tell(const news_packet& packet, std::span<const int> fds) noexcept {
        const const_chunk chunk{&packet, sizeof packet};
        send_packet(control_.get(), {&chunk, 1}, fds, packet_wait::as_long_as_it_takes);
    }

    descriptor control_;
    descriptor parent_;
    descriptor children_;
    worker_main main_;
    std::vector<int> workers_;
    void (*terminate_)(int) = SIG_DFL;
    void (*hang_up_)(int) = SIG_DFL;
};

}  // namespace

int fork_server::start(worker_main main) noexcept {
    descriptor theirs;
    if (const int error = open_packets(control_, theirs); error != 0) return error;
    descriptor self(open_pidfd(::getpid()));
    if (!self) return errno;
    // What is buffered would be written by each process.
    std::fflush(stdout);
    std::fflush(stderr);
    pid_ = ::fork();
    if (pid_ < 0) return errno;
    if (pid_ == 0) {
        control_.close();
        server(std::move(theirs), std::move(self), main).run();
        ::_exit(0);
    }
    return 0;
}

bool fork_server::request_worker() noexcept {
    const char request = 'w';
    const const_chunk chunk{&request, 1};
    return send_packet(control_.get(), {&chunk, 1}, {}, packet_wait::never).ok();
}

fork_news fork_server::receive() noexcept {
    news_packet packet{};
    packet_descriptors fds;
    const sys_result got = receive_packet(
        control_.get(), {reinterpret_cast<char*>(&packet), sizeof packet}, fds, packet_wait::never);
    fork_news news;
    if (got.error == EMSGSIZE) {
        // This process may have no more descriptors. The worker ends: nobody has its socket.
        news.what = fork_news::kind::failed;
        news.error = EMFILE;
    } else if (!got.ok()) {
        news.what = got.would_block() ? fork_news::kind::nothing : fork_news::kind::over;
    } else if (got.value == 0) {
        news.what = fork_news::kind::over;
    } else {
        news.what = packet.what;
        news.pid = packet.pid;
        news.status = packet.status;
        news.error = packet.error;
        news.socket = std::move(fds.first);
        news.process = std::move(fds.second);
    }
    return news;
}

void fork_server::stop() noexcept {
    control_.close();
    if (pid_ > 0)
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    pid_ = -1;
}

bool has_other_threads() noexcept {
    if (__libc_single_threaded != 0) return false;
    int threads = 0;
    for_each_number("/proc/self/task",
                    [&threads](int thread, int) { threads += runs_code_of_ours(thread); });
    return threads > expected_threads;
}

int own_process() noexcept { return ::getpid(); }

void kill_process(int pidfd) noexcept {
    ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

process_end end_of(int status) noexcept {
    if (WIFSIGNALED(status)) return {.signal_number = WTERMSIG(status), .exit_code = 0};
    return {.signal_number = 0, .exit_code = WEXITSTATUS(status)};
}

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number);
}

}  // namespace asyncio::detail
