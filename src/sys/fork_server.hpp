// fork_server: a process with one thread that forks worker processes for this one, and tells how
// they end.
//
//      this process --control--> fork server --forks--> worker
//           |                        `- dies: its workers are killed by the kernel
//           `------- a socket and a pidfd for each worker -------^
//
// It is forked before this process has threads, so that it and its workers are whole copies: every
// lock is free and every address stands for the same. It ends when this process does.
#pragma once

#include <cstdint>
#include <string>

#include "asyncio/sys/backend.hpp"
#include "sys/descriptor.hpp"

namespace asyncio::detail {

/// What runs in a worker. The process ends when it returns.
using worker_main = void (*)(int socket) noexcept;

/// What the fork server has to say.
struct fork_news {
    enum class kind : std::uint8_t {
        nothing,  ///< not now
        started,  ///< a worker: pid, socket, process
        failed,   ///< no worker, because of `error`
        ended,    ///< the worker `pid`, as `status` says (of waitpid)
        over,     ///< the fork server itself is gone
    };
    kind what = kind::nothing;
    int pid = 0;
    int status = 0;
    int error = 0;
    descriptor socket;
    descriptor process;  ///< the worker's pidfd
};

class fork_server {
   public:
    fork_server() noexcept = default;
    fork_server(const fork_server&) = delete;
    fork_server& operator=(const fork_server&) = delete;
    ~fork_server() { stop(); }

    /// Forks it. errno or 0.
    int start(worker_main main) noexcept;
    /// Asks for a worker. False if the server is gone.
    [[nodiscard]] bool request_worker() noexcept;
    /// Never waits.
    fork_news receive() noexcept;
    /// Kills every worker, and waits until they and the server are gone.
    void stop() noexcept;
    /// Readable when receive() has something.
    [[nodiscard]] int fileno() const noexcept { return control_.get(); }
    [[nodiscard]] int pid() const noexcept { return pid_; }

   private:
    descriptor control_;
    int pid_ = -1;
};

/// True if this process has threads beside this one: what it forks would not be whole.
[[nodiscard]] bool has_other_threads() noexcept;
/// Which process this is.
[[nodiscard]] int own_process() noexcept;
/// Kills the process behind a pidfd, and no other that has got its number.
void kill_process(int pidfd) noexcept;

/// How a process ended: the signal's number, or 0 and the exit code.
struct process_end {
    int signal_number = 0;
    int exit_code = 0;
};
[[nodiscard]] process_end end_of(int status) noexcept;
/// "SIGKILL", "signal 40".
[[nodiscard]] std::string signal_name(int number);

}  // namespace asyncio::detail
