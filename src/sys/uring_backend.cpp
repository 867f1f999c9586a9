// The backend over io_uring: what streams receive comes through a ring, into buffers of the ring,
// in the system call that waits. Everything else is epoll's, whose descriptor the ring watches.
//
//      recv() finds nothing --> a receive is requested --> enter() --> its completion: on_ready()
//                 ^                                                          |
//                 `---- the bytes stay in their buffer until recv() <--------'
//
// A source has at most one receive under way and one buffer full: a peer that nobody reads fills
// its socket, not the pool. Receives are asked for one by one, because one that repeats itself
// misses the end of a stream that comes with its last bytes (Linux 6.18). detach() takes back what
// is under way before it returns, so no completion finds its source gone. Sends are made at once,
// which costs no more than a request does and needs no copy.
//
// A ring belongs to one thread. It is made when a stream first needs it, and again when the loop
// has moved to another thread; while the kernel refuses one, or a host waits on fileno(), streams
// are epoll's too.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "sys/epoll_backend.hpp"
#include "sys/uring_ring.hpp"

namespace asyncio::detail {

namespace {

constexpr unsigned data_events = POLLIN | POLLRDHUP;

// What a completion is about: a source and one of these, or a number that is no source.
enum operation : std::uint64_t { receive_op = 1, data_op = 2, room_op = 3, operation_mask = 3 };
static_assert(alignof(io_source) > operation_mask);
constexpr int hosted = -1;
constexpr std::uint64_t nobody = 0;
constexpr std::uint64_t epoll_key = operation_mask + 1;

std::uint64_t key_of(const io_source& s, operation op) noexcept {
    return reinterpret_cast<std::uintptr_t>(&s) | op;
}

class uring_backend final : public epoll_backend {
   public:
    std::string name() const override;
    void poll(delay timeout) override;
    int fileno() noexcept override;
    int watch(io_source& source, unsigned events) noexcept override;
    int attach(io_source& source) noexcept override;
    void detach(io_source& source) noexcept override;
    sys_result connect(io_source& s, const raw_address& to) noexcept override;
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override;
    sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept override;

   private:
    [[nodiscard]] bool serves(io_source& s) noexcept;
    [[nodiscard]] bool has_ring() noexcept;
    void lose_ring() noexcept;
    void leave_ring(int why) noexcept;

    int join(io_source& s) noexcept;
    void await_data(io_source& s) noexcept;
    void await_room(io_source& s) noexcept;
    void take_back(io_source& s) noexcept;
    sys_result take(io_source& s, void* data, std::size_t size) noexcept;
    sys_result ask_system(io_source& s, void* data, std::size_t size) noexcept;

    void collect() noexcept;
    void completed(const uring_ring::completion& c) noexcept;
    void received(io_source& s, const uring_ring::completion& c) noexcept;
    void tell(io_source& s, unsigned events) noexcept;
    void tell_all() noexcept;

    uring_ring ring_;
    int refused_ = 0;                  ///< why there will be no ring: errno, or `hosted`
    std::vector<io_source*> sources_;  ///< those that the ring serves
    std::vector<io_source*> told_;     ///< those whose on_ready() is due
    bool epoll_watched_ = false;       ///< the ring watches epoll's descriptor
    bool epoll_ready_ = false;
};

bool is_under_way(const io_source::ring_state& r) noexcept {
    return r.receiving || r.awaits_data || r.awaits_room;
}

// ---- the ring ----

std::string refusal(int error) {
    if (error == hosted) return "epoll (a host waits on fileno())";
    std::string text = "epoll (io_uring refused: " + std::generic_category().message(error);
    if (error == EPERM || error == EACCES) text += "; seccomp or kernel.io_uring_disabled";
    if (error == ENOSYS || error == EINVAL) text += "; it needs Linux 6.1";
    if (error == ENOMEM) text += "; RLIMIT_MEMLOCK";
    if (error == EMFILE) text += "; RLIMIT_NOFILE";
    return text + ")";
}

std::string uring_backend::name() const {
    int error = refused_;
    if (error == 0 && !ring_.is_open()) error = uring_ring::unusable();
    return error == 0 ? "io_uring" : refusal(error);
}

/// There is a ring, of this thread.
bool uring_backend::has_ring() noexcept {
    if (ring_.is_open()) {
        if (ring_.is_ours()) return true;
        lose_ring();
    }
    if (refused_ != 0) return false;
    int error = uring_ring::unusable();
    if (error == 0) error = ring_.open();
    if (error != 0) leave_ring(error);
    return error == 0;
}

/// What is under way is given up, and its sources are told to ask again. A receive that has not
/// completed has taken nothing: only its thread could have let it.
void uring_backend::lose_ring() noexcept {
    if (ring_.is_readable()) collect();
    ring_.close();
    epoll_watched_ = epoll_ready_ = false;
    for (io_source* s : sources_) {
        const unsigned asked = (s->ring.receiving || s->ring.awaits_data ? io_read : 0u) |
                               (s->ring.awaits_room ? io_write : 0u);
        s->ring.receiving = s->ring.awaits_data = s->ring.awaits_room = false;
        if (asked != 0) tell(*s, asked);
    }
}

/// For good: epoll serves everybody from now on.
void uring_backend::leave_ring(int why) noexcept {
    refused_ = why;
    if (ring_.is_open()) lose_ring();
    for (io_source* s : std::exchange(sources_, {})) {
        s->ring.joined = false;
        const int error = epoll_backend::attach(*s);
        if (error == 0) continue;
        // Nobody would ever hear of it again.
        s->registered = true;
        if (s->ring.error == 0) s->ring.error = error;
        tell(*s, io_read | io_write);
    }
}

// ---- the loop's turn ----

void uring_backend::poll(delay timeout) {
    if (ring_.is_open() && !ring_.is_ours()) lose_ring();
    if (!told_.empty()) timeout = std::chrono::nanoseconds(0);
    if (!ring_.is_open()) {
        epoll_backend::poll(timeout);
        return tell_all();
    }
    if (!epoll_watched_) epoll_watched_ = ring_.poll(epoll_fd(), POLLIN, epoll_key);
    if (timeout.nanoseconds().count() > 0 || ring_.has_work()) {
        const int error = epoll_watched_ ? ring_.enter(timeout) : ring_.error();
        if (error != 0) leave_ring(error);
    }
    if (ring_.is_open()) collect();
    if (std::exchange(epoll_ready_, false)) epoll_backend::poll(std::chrono::nanoseconds(0));
    tell_all();
}

void uring_backend::collect() noexcept {
    uring_ring::completion c{};
    while (ring_.next(c)) completed(c);
}

void uring_backend::completed(const uring_ring::completion& c) noexcept {
    if (c.key == nobody) return;
    if (c.key == epoll_key) {
        epoll_watched_ = false;
        epoll_ready_ = true;
        return;
    }
    io_source& s = *reinterpret_cast<io_source*>(c.key & ~std::uint64_t{operation_mask});
    switch (c.key & operation_mask) {
        case receive_op:
            s.ring.receiving = false;
            received(s, c);
            return tell(s, io_read);
        case data_op:
            s.ring.awaits_data = false;
            s.ring.direct = true;
            return tell(s, io_read);
        default:
            s.ring.awaits_room = false;
            return tell(s, io_write);
    }
}

void uring_backend::received(io_source& s, const uring_ring::completion& c) noexcept {
    if (c.has_buffer && c.result > 0) {
        s.ring.buffer = c.buffer;
        s.ring.begin = 0;
        s.ring.size = static_cast<std::uint16_t>(c.result);
        if (s.ring.size == uring_ring::buffer_size) s.ring.direct = s.ring.large = true;
        return;
    }
    if (c.has_buffer) ring_.give_back(c.buffer);
    if (c.result == 0) {
        s.ring.ended = true;
    } else if (c.result == -ENOBUFS) {
        ring_.grow();
        s.ring.direct = s.ring.large = true;  // this once, it does without a buffer
    } else if (c.result != -ECANCELED && c.result != -EINTR && c.result != -EAGAIN) {
        s.ring.error = -c.result;
    }
}

void uring_backend::tell(io_source& s, unsigned events) noexcept {
    const bool told = s.ring.tells_read || s.ring.tells_write;
    if ((events & io_read) != 0) s.ring.tells_read = s.readable = true;
    if ((events & io_write) != 0) s.ring.tells_write = s.writable = true;
    if (!told) told_.push_back(&s);  // join() has made room
}

void uring_backend::tell_all() noexcept {
    // More may come in between.
    for (std::size_t i = 0; i < told_.size(); ++i) {
        io_source& s = *told_[i];
        const unsigned events =
            (s.ring.tells_read ? io_read : 0u) | (s.ring.tells_write ? io_write : 0u);
        s.ring.tells_read = s.ring.tells_write = false;
        s.on_ready(events);
    }
    told_.clear();
}

// ---- sources ----

int uring_backend::fileno() noexcept {
    // A ring would have to be readable, too, and to be told of each request at once.
    if (refused_ == 0) leave_ring(hosted);
    return epoll_backend::fileno();
}

int uring_backend::watch(io_source& source, unsigned events) noexcept {
    const auto same = [&](const io_source* s) { return s->fd == source.fd; };
    if (!source.registered && std::ranges::any_of(sources_, same)) return EEXIST;
    return epoll_backend::watch(source, events);
}

int uring_backend::attach(io_source& source) noexcept {
    if (!source.ahead || !has_ring()) return epoll_backend::attach(source);
    if (const int error = join(source); error != 0) return error;
    if (!source.readable) await_data(source);
    if (!source.writable) await_room(source);
    return 0;
}

int uring_backend::join(io_source& s) noexcept {
    try {
        sources_.push_back(&s);
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
    try {
        told_.reserve(sources_.capacity());
    } catch (const std::bad_alloc&) {
        sources_.pop_back();
        return ENOMEM;
    }
    s.ring.index = static_cast<std::uint32_t>(sources_.size() - 1);
    s.ring.joined = s.registered = true;
    return 0;
}

void uring_backend::detach(io_source& source) noexcept {
    if (source.ring.joined) take_back(source);
    if (source.ring.tells_read || source.ring.tells_write) std::erase(told_, &source);
    if (source.ring.size != 0) ring_.give_back(source.ring.buffer);
    if (source.ring.joined) {
        sources_.back()->ring.index = source.ring.index;
        sources_[source.ring.index] = sources_.back();
        sources_.pop_back();
        source.registered = false;
    }
    source.ring = {};
    epoll_backend::detach(source);
}

/// Nothing is under way any more: the kernel has been told, and has answered.
void uring_backend::take_back(io_source& s) noexcept {
    if (!is_under_way(s.ring)) return;
    if (!ring_.is_ours()) return lose_ring();
    bool sent = true;
    if (s.ring.receiving) sent = ring_.cancel(key_of(s, receive_op));
    if (s.ring.awaits_data) sent = sent && ring_.cancel(key_of(s, data_op));
    if (s.ring.awaits_room) sent = sent && ring_.cancel(key_of(s, room_op));
    while (is_under_way(s.ring)) {
        const int error = sent ? ring_.enter(delay::forever()) : ring_.error();
        if (error != 0) return leave_ring(error);
        collect();
    }
}

void uring_backend::await_data(io_source& s) noexcept {
    if (!has_ring()) return;  // epoll will tell
    const bool sent = s.ring.large ? ring_.poll(s.fd, data_events, key_of(s, data_op))
                                   : ring_.receive(s.fd, key_of(s, receive_op));
    if (!sent) return leave_ring(ring_.error());
    s.ring.awaits_data = s.ring.large;
    s.ring.receiving = !s.ring.large;
}

void uring_backend::await_room(io_source& s) noexcept {
    if (s.ring.awaits_room || !has_ring()) return;
    if (!ring_.poll(s.fd, POLLOUT, key_of(s, room_op))) return leave_ring(ring_.error());
    s.ring.awaits_room = true;
}

// ---- calls ----

/// The ring serves `s`: it joins if it may and has not yet.
bool uring_backend::serves(io_source& s) noexcept {
    return s.ring.joined || (s.ahead && !s.registered && has_ring() && join(s) == 0);
}

sys_result uring_backend::connect(io_source& s, const raw_address& to) noexcept {
    const sys_result r = epoll_backend::connect(s, to);
    if (!s.ahead || r.error != EINPROGRESS) return r;
    s.writable = false;
    if (s.ring.joined) await_room(s);
    return r;
}

sys_result uring_backend::send(io_source& s, std::span<const const_chunk> chunks) noexcept {
    const sys_result r = epoll_backend::send(s, chunks);
    if (r.would_block() && s.ring.joined) await_room(s);
    return r;
}

sys_result uring_backend::recv(io_source& s, void* data, std::size_t size) noexcept {
    if (s.ring.size != 0) return take(s, data, size);
    if (s.ring.error != 0) return {-1, std::exchange(s.ring.error, 0)};
    if (s.ring.ended) return {0, 0};
    if (!serves(s)) return epoll_backend::recv(s, data, size);
    if (!s.ahead) {
        // It was: now the caller wants to know what there is.
        take_back(s);
        const bool has_come = s.ring.size != 0 || s.ring.ended || s.ring.error != 0;
        return has_come ? recv(s, data, size) : epoll_backend::recv(s, data, size);
    }
    if (s.ring.direct) {
        const sys_result r = ask_system(s, data, size);
        if (!r.would_block()) return r;
    }
    s.readable = false;
    if (!s.ring.receiving && !s.ring.awaits_data) await_data(s);
    return {-1, EAGAIN};
}

/// Out of the buffer.
sys_result uring_backend::take(io_source& s, void* data, std::size_t size) noexcept {
    const std::size_t n = std::min<std::size_t>(size, s.ring.size);
    std::memcpy(data, ring_.data_of(s.ring.buffer) + s.ring.begin, n);
    s.ring.begin = static_cast<std::uint16_t>(s.ring.begin + n);
    s.ring.size = static_cast<std::uint16_t>(s.ring.size - n);
    if (s.ring.size == 0) ring_.give_back(s.ring.buffer);
    return {static_cast<std::int64_t>(n), 0};
}

sys_result uring_backend::ask_system(io_source& s, void* data, std::size_t size) noexcept {
    const sys_result r = epoll_backend::recv(s, data, size);
    const auto n = static_cast<std::size_t>(r.value);
    s.readable = true;  // until the ring has been asked
    s.ring.ended = r.ok() && n == 0 && size != 0;
    s.ring.direct = r.ok() && n == size;
    if (r.ok() && n < uring_ring::buffer_size && n < size) s.ring.large = false;
    return r;
}

}  // namespace

std::unique_ptr<backend> make_uring_backend() { return std::make_unique<uring_backend>(); }

}  // namespace asyncio::detail
