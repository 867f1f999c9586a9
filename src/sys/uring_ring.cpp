#include "sys/uring_ring.hpp"

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include "asyncio/base/config.hpp"
#include "sys/process_events.hpp"

namespace asyncio::detail {

namespace {

constexpr unsigned request_slots = 256;
constexpr unsigned completion_slots = 4096;
constexpr std::uint16_t buffer_group = 0;
constexpr std::size_t offered_bytes = uring_ring::buffer_count * sizeof(io_uring_buf);
static_assert((uring_ring::buffer_count & (uring_ring::buffer_count - 1)) == 0);

/// Its address names the thread.
ASYNCIO_THREAD_LOCAL char this_thread;
/// How often this process has been forked off.
std::atomic<unsigned> forks{0};

int ring_setup(unsigned entries, io_uring_params& p) noexcept {
    return static_cast<int>(::syscall(__NR_io_uring_setup, entries, &p));
}
int ring_enter(int fd, unsigned to_submit, unsigned wanted, unsigned flags,
               const io_uring_getevents_arg* arg) noexcept {
    return static_cast<int>(::syscall(__NR_io_uring_enter, fd, to_submit, wanted, flags, arg,
                                      arg != nullptr ? sizeof *arg : 0));
}
int ring_register(int fd, unsigned what, void* arg, unsigned count) noexcept {
    return static_cast<int>(::syscall(__NR_io_uring_register, fd, what, arg, count));
}

/// A head or tail that the kernel writes, or reads.
unsigned load(const unsigned* p) noexcept { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
void store(unsigned* p, unsigned value) noexcept { __atomic_store_n(p, value, __ATOMIC_RELEASE); }

template <class T>
T* at(void* base, unsigned offset) noexcept {
    return reinterpret_cast<T*>(static_cast<std::byte*>(base) + offset);
}

/// Memory that a forked child does not get. MAP_FAILED if there is none.
void* map(std::size_t size, int fd, long long offset) noexcept {
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (p != MAP_FAILED) ::madvise(p, size, MADV_DONTFORK);
    return p;
}

/// Only resources are missing: it may work later.
bool is_passing(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN;
}

/// The kernel knows each kind of request that is made here.
int check_requests(int fd) noexcept {
    constexpr unsigned count = IORING_OP_RECV + 1;
    alignas(io_uring_probe)
        std::byte memory[sizeof(io_uring_probe) + count * sizeof(io_uring_probe_op)] = {};
    auto* known = reinterpret_cast<io_uring_probe*>(memory);
    if (ring_register(fd, IORING_REGISTER_PROBE, known, count) < 0) return errno;
    const auto* ops = reinterpret_cast<const io_uring_probe_op*>(memory + sizeof(io_uring_probe));
    for (const unsigned op : {IORING_OP_RECV, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL})
        if (op > known->last_op || (ops[op].flags & IO_URING_OP_SUPPORTED) == 0) return ENOSYS;
    return 0;
}

}  // namespace

int uring_ring::unusable() noexcept {
    static std::atomic<int> verdict{-1};
    int error = verdict.load();
    if (error >= 0) return error;
    uring_ring trial;
    error = trial.open();
    if (error == 0) error = check_requests(trial.fd_);
    if (!is_passing(error)) verdict.store(error);
    return error;
}

int uring_ring::open() noexcept {
    static const bool once = [] {
        on_fork_child([] { forks.fetch_add(1); });
        return true;
    }();
    (void)once;
    int error = set_up();
    if (error == 0) error = set_up_buffers();
    if (error != 0) close();
    return error;
}

int uring_ring::set_up() noexcept {
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    p.cq_entries = completion_slots;
    fd_ = ring_setup(request_slots, p);
    if (fd_ < 0) return errno;
    owner_ = &this_thread;
    forks_ = forks.load();
    constexpr unsigned needed =
        IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    if ((p.features & needed) != needed) return ENOSYS;

    queues_size_ = std::max(p.sq_off.array + p.sq_entries * sizeof(unsigned),
                            p.cq_off.cqes + p.cq_entries * sizeof(io_uring_cqe));
    void* queues = map(queues_size_, fd_, IORING_OFF_SQ_RING);
    if (queues == MAP_FAILED) return errno;
    queues_ = queues;
    void* requests = map(p.sq_entries * sizeof(io_uring_sqe), fd_, IORING_OFF_SQES);
    if (requests == MAP_FAILED) return errno;
    requests_ = static_cast<io_uring_sqe*>(requests);

    request_count_ = p.sq_entries;
    requests_made_ = 0;
    requests_taken_ = at<unsigned>(queues, p.sq_off.head);
    requests_tail_ = at<unsigned>(queues, p.sq_off.tail);
    flags_ = at<unsigned>(queues, p.sq_off.flags);
    completions_ = at<io_uring_cqe>(queues, p.cq_off.cqes);
    completion_mask_ = p.cq_entries - 1;
    completions_taken_ = at<unsigned>(queues, p.cq_off.head);
    completions_tail_ = at<unsigned>(queues, p.cq_off.tail);
    unsigned* order = at<unsigned>(queues, p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; ++i) order[i] = i;
    return 0;
}

int uring_ring::set_up_buffers() noexcept {
    void* offered = map(offered_bytes, -1, 0);
    if (offered == MAP_FAILED) return errno;
    offered_ = static_cast<io_uring_buf*>(offered);
    io_uring_buf_reg r{};
    r.ring_addr = reinterpret_cast<std::uintptr_t>(offered_);
    r.ring_entries = buffer_count;
    r.bgid = buffer_group;
    if (ring_register(fd_, IORING_REGISTER_PBUF_RING, &r, 1) < 0) return errno;
    offered_tail_ = 0;
    for (unsigned b = 0; b < buffers_; ++b)
        if (!in_use_[b]) offer(static_cast<std::uint16_t>(b));
    if (buffers_ == 0) grow();
    return buffers_ == 0 ? ENOMEM : 0;
}

void uring_ring::grow() noexcept {
    if (buffers_ == buffer_count) return;
    auto& block = memory_[buffers_ / buffers_at_once];
    block.reset(new (std::nothrow) char[buffers_at_once * buffer_size]);
    if (!block) return;
    for (unsigned n = 0; n < buffers_at_once; ++n) offer(static_cast<std::uint16_t>(buffers_++));
}

void uring_ring::close() noexcept {
    if (fd_ < 0) return;
    ::close(std::exchange(fd_, -1));
    // A forked child does not have this memory; something else may lie there.
    const bool mapped = forks_ == forks.load();
    if (queues_ != nullptr && mapped) ::munmap(queues_, queues_size_);
    if (requests_ != nullptr && mapped) ::munmap(requests_, request_count_ * sizeof *requests_);
    if (offered_ != nullptr && mapped) ::munmap(offered_, offered_bytes);
    queues_ = nullptr;
    requests_ = nullptr;
    offered_ = nullptr;
}

bool uring_ring::is_ours() const noexcept {
    return owner_ == &this_thread && forks_ == forks.load(std::memory_order_relaxed);
}

bool uring_ring::is_readable() const noexcept { return forks_ == forks.load(); }

// ---- requests ----

unsigned uring_ring::unsent() const noexcept { return requests_made_ - load(requests_taken_); }

io_uring_sqe* uring_ring::new_request(std::uint64_t key) noexcept {
    if (unsent() == request_count_) {
        store(requests_tail_, requests_made_);
        const int sent = ring_enter(fd_, request_count_, 0, 0, nullptr);
        if (sent <= 0) {
            error_ = sent < 0 ? errno : EBUSY;
            return nullptr;
        }
    }
    io_uring_sqe* r = &requests_[requests_made_++ & (request_count_ - 1)];
    ++asked_;
    *r = {};
    r->user_data = key;
    return r;
}

bool uring_ring::receive(int fd, std::uint64_t key) noexcept {
    io_uring_sqe* r = new_request(key);
    if (r == nullptr) return false;
    r->opcode = IORING_OP_RECV;
    r->fd = fd;
    r->len = buffer_size;
    r->flags = IOSQE_BUFFER_SELECT;
    r->buf_group = buffer_group;
    // It may complete as soon as it is handed over. What the queue has no room for would wait in
    // the kernel, and be lost with the ring.
    const bool has_room =
        asked_ < completion_slots / 2 && (load(flags_) & IORING_SQ_CQ_OVERFLOW) == 0;
    if (!has_room) r->ioprio = IORING_RECVSEND_POLL_FIRST;
    return true;
}

bool uring_ring::poll(int fd, unsigned events, std::uint64_t key) noexcept {
    io_uring_sqe* r = new_request(key);
    if (r == nullptr) return false;
    r->opcode = IORING_OP_POLL_ADD;
    r->fd = fd;
    r->poll_events = static_cast<std::uint16_t>(events);
    return true;
}

bool uring_ring::cancel(std::uint64_t key) noexcept {
    io_uring_sqe* r = new_request(0);
    if (r == nullptr) return false;
    r->opcode = IORING_OP_ASYNC_CANCEL;
    r->fd = -1;
    r->addr = key;
    r->flags = IOSQE_CQE_SKIP_SUCCESS;
    return true;
}

int uring_ring::enter(delay timeout) noexcept {
    const auto ns = timeout.nanoseconds().count();
    const bool waits = ns > 0;
    const __kernel_timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    io_uring_getevents_arg arg{};
    arg.sigmask_sz = _NSIG / 8;
    if (waits && !timeout.is_forever()) arg.ts = reinterpret_cast<std::uintptr_t>(&limit);
    store(requests_tail_, requests_made_);
    const int done = ring_enter(fd_, unsent(), waits ? 1 : 0,
                                IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg);
    if (done >= 0) return 0;
    // Interrupted, late, or short of memory: the caller comes again.
    const bool harmless = errno == EINTR || errno == ETIME || errno == EAGAIN || errno == EBUSY;
    return harmless ? 0 : errno;
}

// ---- completions ----

bool uring_ring::has_work() const noexcept {
    return unsent() != 0 || *completions_taken_ != load(completions_tail_) ||
           (load(flags_) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool uring_ring::next(completion& out) noexcept {
    const unsigned taken = *completions_taken_;
    if (taken == load(completions_tail_)) {
        asked_ = 0;
        return false;
    }
    const io_uring_cqe& c = completions_[taken & completion_mask_];
    out.key = c.user_data;
    out.result = c.res;
    out.has_buffer = (c.flags & IORING_CQE_F_BUFFER) != 0;
    out.buffer = static_cast<std::uint16_t>(c.flags >> IORING_CQE_BUFFER_SHIFT);
    store(completions_taken_, taken + 1);
    if (out.has_buffer) in_use_[out.buffer] = true;
    return true;
}

void uring_ring::give_back(std::uint16_t buffer) noexcept {
    in_use_[buffer] = false;
    if (is_open() && is_readable()) offer(buffer);
}

void uring_ring::offer(std::uint16_t buffer) noexcept {
    io_uring_buf& place = offered_[offered_tail_ & (buffer_count - 1)];
    place.addr = reinterpret_cast<std::uintptr_t>(data_of(buffer));
    place.len = buffer_size;
    place.bid = buffer;
    // The tail lies where the first one has nothing.
    __atomic_store_n(&offered_[0].resv, ++offered_tail_, __ATOMIC_RELEASE);
}

}  // namespace asyncio::detail
