// io_uring itself: a queue of requests to the kernel, a queue of what became of them, and a pool of
// buffers that the kernel fills. Over the bare system calls. It belongs to the thread that made it;
// every request has a key, and its completion carries it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "asyncio/base/delay.hpp"

struct io_uring_sqe;
struct io_uring_cqe;
struct io_uring_buf;

namespace asyncio::detail {

class uring_ring {
   public:
    /// One buffer of the pool, how many there are at the most, and how many come at once.
    static constexpr std::size_t buffer_size = 2048;
    static constexpr unsigned buffer_count = 1024;
    static constexpr unsigned buffers_at_once = 128;

    struct completion {
        std::uint64_t key;
        int result;  ///< a count, or -errno
        bool has_buffer;
        std::uint16_t buffer;
    };

    uring_ring() = default;
    uring_ring(const uring_ring&) = delete;
    uring_ring& operator=(const uring_ring&) = delete;
    ~uring_ring() { close(); }

    /// 0 if this kernel lets this process use what a ring needs, or errno. Asks once, unless it was
    /// only resources that were missing.
    [[nodiscard]] static int unusable() noexcept;

    /// For the thread that calls. errno or 0; then it is closed.
    int open() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    /// The kernel takes back what is under way, soon. Buffers keep what they have.
    void close() noexcept;
    /// True in the thread and the process that opened it.
    [[nodiscard]] bool is_ours() const noexcept;
    /// True in the process that opened it: another thread may still take its completions.
    [[nodiscard]] bool is_readable() const noexcept;

    // Requests: they go to the kernel with the next enter(). False: there is no room, and the
    // kernel takes nothing; error() tells why.
    /// Receives into a buffer of the pool, once there is something; -ENOBUFS at once if all are
    /// full.
    bool receive(int fd, std::uint64_t key) noexcept;
    /// Waits until one of poll(2)'s `events` holds.
    bool poll(int fd, unsigned events, std::uint64_t key) noexcept;
    /// Ends the request with this key, which completes then; says nothing itself.
    bool cancel(std::uint64_t key) noexcept;
    [[nodiscard]] int error() const noexcept { return error_; }

    /// Hands over the requests, and waits for a completion, up to `timeout`. errno or 0; 0 also
    /// when nothing came.
    int enter(delay timeout) noexcept;
    /// False if enter() would find nothing to do but to wait.
    [[nodiscard]] bool has_work() const noexcept;
    /// The next completion, if there is one.
    bool next(completion& out) noexcept;

    [[nodiscard]] const char* data_of(std::uint16_t buffer) const noexcept {
        return memory_[buffer / buffers_at_once].get() +
               std::size_t(buffer % buffers_at_once) * buffer_size;
    }
    /// The buffer may be filled again.
    void give_back(std::uint16_t buffer) noexcept;
    /// More buffers, if there may be more, and there is memory for them.
    void grow() noexcept;

   private:
    [[nodiscard]] int set_up() noexcept;
    [[nodiscard]] int set_up_buffers() noexcept;
    void offer(std::uint16_t buffer) noexcept;
    [[nodiscard]] io_uring_sqe* new_request(std::uint64_t key) noexcept;
    [[nodiscard]] unsigned unsent() const noexcept;

    int fd_ = -1;
    int error_ = 0;
    const void* owner_ = nullptr;
    unsigned forks_ = 0;

    void* queues_ = nullptr;  ///< both queues' heads and tails, and the completions
    std::size_t queues_size_ = 0;
    io_uring_sqe* requests_ = nullptr;
    unsigned request_count_ = 0;
    unsigned requests_made_ = 0;
    const unsigned* requests_taken_ = nullptr;
    unsigned* requests_tail_ = nullptr;
    const unsigned* flags_ = nullptr;
    io_uring_cqe* completions_ = nullptr;
    unsigned completion_mask_ = 0;
    unsigned* completions_taken_ = nullptr;
    const unsigned* completions_tail_ = nullptr;
    unsigned asked_ = 0;  ///< requests since next() found nothing more: each may have completed

    io_uring_buf* offered_ = nullptr;  ///< the buffers that the kernel may fill
    std::uint16_t offered_tail_ = 0;
    std::unique_ptr<char[]> memory_[buffer_count / buffers_at_once];
    unsigned buffers_ = 0;            ///< so many there are
    bool in_use_[buffer_count] = {};  ///< holds something that nobody has taken yet
};

}  // namespace asyncio::detail
