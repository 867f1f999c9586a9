// The pool behind a process_pool_executor: calls that wait, workers, and what has come back.
//
// Nobody has to be there for it but those who wait for a result: a loop that has calls here watches
// the pool's descriptors and does the pool's work when one is readable (pump); for calls of other
// threads a thread of the pool does; shutdown() does meanwhile. Whoever pumps collects under the
// lock what has arrived, and then, without it, reads the results and ends the calls.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "asyncio/base/intrusive.hpp"
#include "asyncio/executor/executor.hpp"
#include "asyncio/executor/process_call.hpp"
#include "asyncio/executor/process_pool_base.hpp"
#include "executor/process_protocol.hpp"
#include "sys/fork_server.hpp"
#include "sys/packets.hpp"
#include "sys/ready_set.hpp"
#include "sys/shared_memory.hpp"

namespace asyncio::detail {

class pool_watch;

/// Shared memory that several calls use, one after the other.
struct call_memory {
    std::uint64_t number = 0;  ///< 0: none
    shared_memory bytes;
};

/// What the pool keeps with a call.
struct process_parcel {
    enum class stage : std::uint8_t { made, queued, running, ended };
    stage at = stage::made;
    bool begun = false;
    std::uint64_t id = 0;
    std::size_t size = 0;            ///< of the request
    std::unique_ptr<char[]> packed;  ///< the request, or
    call_memory memory;              ///< the request, and later the result
    reply_header reply{};
    std::string result;                 ///< the result, if it was packed
    shared_memory new_memory;           ///< or this
    std::exception_ptr error;           ///< instead of a result
    bool dropped = false;               ///< the pool was shut down before it began
    std::shared_ptr<pool_watch> watch;  ///< of the loop that waits; null: a thread does
    ref<concurrent_state_base> keep;    ///< the call itself, while the pool has it
};

[[nodiscard]] std::exception_ptr broken_pool(const std::string& what, int signal_number = 0);

class process_pool : public std::enable_shared_from_this<process_pool> {
   public:
    explicit process_pool(const process_pool_options& options);
    process_pool(const process_pool&) = delete;
    process_pool& operator=(const process_pool&) = delete;
    ~process_pool();

    /// Throws if this process or this moment is not one for calls.
    void check_usable(const char* api) const;
    [[nodiscard]] bool own_process_forked() const noexcept;
    char* request_room(process_parcel& parcel, std::size_t size);
    void start(process_call& call, event_loop* loop);
    void cancel(process_call& call) noexcept;
    ref<concurrent_state_base> room();
    std::size_t shutdown(const executor_shutdown_options& options);

    /// Does what there is to do. Any thread. True if the pool is over.
    bool pump() noexcept;
    /// How many calls of this loop have not ended.
    [[nodiscard]] std::size_t unfinished(const pool_watch& watch);
    void forget(const pool_watch& watch) noexcept;
    [[nodiscard]] int fileno() const noexcept { return set_.fileno(); }

    [[nodiscard]] std::vector<int> worker_pids();
    [[nodiscard]] std::size_t pending();
    const process_pool_options options;
    const std::size_t max_workers;

   private:
    struct worker {
        int pid = 0;
        descriptor socket;
        descriptor process;
        process_call* call = nullptr;
        bool has_served = false;
        bool doomed = false;  ///< killed by us
        bool gone = false;    ///< its socket is at the end
    };
    /// Calls that end, to be told without the lock.
    using endings = intrusive_list<process_call>;
    using rooms = std::vector<ref<concurrent_state_base>>;

    // All of these under the lock.
    void dispatch(endings& out);
    void send(worker& w, process_call& call, endings& out);
    void keep_whole(endings& out);
    void receive(endings& out);
    void receive_news(endings& out);
    void receive_reply(worker& w, endings& out);
    void worker_ended(int pid, int status, endings& out);
    void server_ended(endings& out);
    void fail_queue(const std::exception_ptr& error, endings& out);
    void end(process_call& call, std::exception_ptr error, endings& out) noexcept;
    void count_out(process_call& call) noexcept;
    rooms open_rooms();
    call_memory take_spare(std::size_t size) noexcept;
    void give_spare(call_memory memory) noexcept;
    void ensure_thread();
    [[nodiscard]] worker* idle_worker() noexcept;
    [[nodiscard]] std::size_t live_workers() const noexcept;
    void drop_queue(endings& out);
    std::size_t kill_rest(endings& out);
    void stop();
    // And these without it.
    void tell(endings& ended) noexcept;
    void tell_one(process_call& call) noexcept;
    void serve_threads() noexcept;
    std::shared_ptr<pool_watch> watch_for(event_loop& loop);

    static constexpr std::uint64_t control_key = 0;
    static constexpr std::uint64_t over_key = 1;  // no worker has this number: it is init's

    const int owner_;
    std::mutex mutex_;
    ready_set set_;
    flag over_flag_;
    fork_server server_;
    std::vector<std::unique_ptr<worker>> workers_;
    std::size_t starting_ = 0;
    std::size_t peak_ = 0;          ///< how many there were at a time; as many there shall be
    std::size_t early_deaths_ = 0;  ///< in a row, of workers that never took a call
    intrusive_list<process_call> queue_;
    std::size_t queued_ = 0;
    std::size_t running_ = 0;
    std::size_t unfinished_ = 0;  ///< queued, running, or being told
    std::uint64_t last_id_ = 0;
    rooms rooms_;
    std::vector<call_memory> spare_;  ///< shared memory to be used again
    std::size_t spare_bytes_ = 0;
    std::uint64_t last_memory_ = 0;
    unsigned expect_large_ = 0;  ///< for so many calls: one of late had a large result
    std::vector<std::weak_ptr<pool_watch>> watches_;
    std::vector<char> buffer_;
    bool closing_ = false;
    bool over_ = false;
    bool server_gone_ = false;
    std::thread thread_;  ///< brings results to those who wait in threads
    std::condition_variable thread_needed_;
    std::size_t unfinished_of_threads_ = 0;
};

}  // namespace asyncio::detail
