// fail_every_call: a backend around another one, in which one call does not do what it should.
#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "asyncio/sys/resolve.hpp"
#include "testing/everywhere_points.hpp"

namespace asyncio::detail {

namespace {

/// What a call does instead: fails with an error, or does only one byte of its work.
struct way {
    int error;
    bool is_short;
};
constexpr way one_byte{0, true};
constexpr way fails(int error) { return {error, false}; }

struct call_kind {
    std::string_view name;
    std::vector<way> ways;
};

const call_kind open_socket_call{
    "socket", {fails(EMFILE), fails(ENFILE), fails(ENOBUFS), fails(ENOMEM), fails(EACCES)}};
const call_kind open_pair_call{"socketpair", {fails(EMFILE), fails(ENOMEM)}};
const call_kind connect_call{"connect",
                             {fails(ECONNREFUSED), fails(ENETUNREACH), fails(EHOSTUNREACH),
                              fails(EADDRNOTAVAIL), fails(EACCES)}};
const call_kind connect_result_call{
    "connect", {fails(ECONNREFUSED), fails(ETIMEDOUT), fails(ECONNRESET), fails(EHOSTUNREACH)}};
const call_kind bind_call{"bind", {fails(EADDRINUSE), fails(EADDRNOTAVAIL), fails(EACCES)}};
const call_kind listen_call{"listen", {fails(EADDRINUSE), fails(EOPNOTSUPP)}};
const call_kind accept_call{"accept",
                            {fails(ECONNABORTED), fails(EMFILE), fails(ENFILE), fails(ENOBUFS),
                             fails(ENOMEM), fails(EPROTO), fails(EPERM)}};
const call_kind recv_call{
    "recv", {fails(ECONNRESET), fails(ETIMEDOUT), fails(EHOSTUNREACH), fails(ENOMEM), one_byte}};
const call_kind send_call{
    "send", {fails(EPIPE), fails(ECONNRESET), fails(ETIMEDOUT), fails(ENOBUFS), one_byte}};
const call_kind recv_from_call{"recvfrom", {fails(ECONNREFUSED), fails(ENOMEM)}};
const call_kind send_to_call{"sendto",
                             {fails(EMSGSIZE), fails(ENOBUFS), fails(ENETUNREACH), fails(EPERM)}};
const call_kind shutdown_call{"shutdown", {fails(ENOTCONN)}};
const call_kind local_address_call{"getsockname", {fails(ENOBUFS)}};
// Not ENOTCONN: a kernel that answers so has also told that the connection is gone.
const call_kind peer_address_call{"getpeername", {fails(ENOBUFS)}};
const call_kind get_option_call{"getsockopt", {fails(ENOPROTOOPT)}};
const call_kind set_option_call{"setsockopt", {fails(ENOPROTOOPT), fails(EINVAL)}};
const call_kind attach_call{"epoll_ctl", {fails(ENOMEM), fails(ENOSPC)}};
const call_kind file_call{"stat", {fails(ENOENT), fails(EACCES)}};
const call_kind unlink_call{"unlink", {fails(ENOENT), fails(EACCES), fails(EBUSY)}};

class call_points;

/// Passes every call on, but one.
class disturbed_backend final : public backend {
   public:
    disturbed_backend(call_points& points, std::unique_ptr<backend> real) noexcept
        : points_(points), real_(std::move(real)) {}

    std::string name() const override { return real_->name(); }
    time_point now() noexcept override { return real_->now(); }
    void poll(delay timeout) override { real_->poll(timeout); }
    void wake() noexcept override { real_->wake(); }
    int fileno() noexcept override { return real_->fileno(); }
    void arm_fileno(time_point when) noexcept override { real_->arm_fileno(when); }
    std::uint64_t random() noexcept override { return real_->random(); }
    bool picks() const noexcept override { return real_->picks(); }
    std::size_t pick(std::size_t ready) noexcept override { return real_->pick(ready); }

    int watch(io_source& s, unsigned events) noexcept override {
        if (events != 0)
            if (const way* w = due(attach_call)) return w->error;
        return real_->watch(s, events);
    }
    int attach(io_source& s) noexcept override {
        const way* w = due(attach_call);
        return w != nullptr ? w->error : real_->attach(s);
    }
    void detach(io_source& s) noexcept override { real_->detach(s); }

    sys_result open_socket(address_family family, socket_type type) noexcept override {
        return call(open_socket_call, [&] { return real_->open_socket(family, type); });
    }
    sys_result open_pair(socket_type type, int (&fds)[2]) noexcept override {
        return call(open_pair_call, [&] { return real_->open_pair(type, fds); });
    }
    sys_result connect(io_source& s, const raw_address& to) noexcept override {
        return call(connect_call, [&] { return real_->connect(s, to); });
    }
    sys_result connect_result(io_source& s) noexcept override {
        return call(connect_result_call, [&] { return real_->connect_result(s); });
    }
    sys_result bind(int fd, const raw_address& to) noexcept override {
        return call(bind_call, [&] { return real_->bind(fd, to); });
    }
    sys_result listen(int fd, int backlog) noexcept override {
        return call(listen_call, [&] { return real_->listen(fd, backlog); });
    }
    sys_result accept(io_source& s, raw_address& peer) noexcept override {
        return call(accept_call, [&] { return real_->accept(s, peer); });
    }
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override {
        const way* w = due(recv_call);
        if (w == nullptr) return real_->recv(s, data, size);
        if (!w->is_short) return {-1, w->error};
        return still_readable(s, real_->recv(s, data, std::min<std::size_t>(size, 1)));
    }
    sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept override {
        const way* w = due(send_call);
        if (w == nullptr) return real_->send(s, chunks);
        if (!w->is_short) return {-1, w->error};
        for (const const_chunk& c : chunks) {
            if (c.size == 0) continue;
            const const_chunk first{c.data, 1};
            return real_->send(s, {&first, 1});
        }
        return real_->send(s, chunks);
    }
    sys_result recv_from(io_source& s, void* data, std::size_t size,
                         raw_address& from) noexcept override {
        return call(recv_from_call, [&] { return real_->recv_from(s, data, size, from); });
    }
    sys_result send_to(io_source& s, const void* data, std::size_t size,
                       const raw_address& to) noexcept override {
        return call(send_to_call, [&] { return real_->send_to(s, data, size, to); });
    }
    sys_result shutdown(int fd, bool read, bool write) noexcept override {
        return call(shutdown_call, [&] { return real_->shutdown(fd, read, write); });
    }
    void close(int fd) noexcept override { real_->close(fd); }
    void abort(int fd) noexcept override { real_->abort(fd); }
    sys_result local_address(int fd, raw_address& out) noexcept override {
        return call(local_address_call, [&] { return real_->local_address(fd, out); });
    }
    sys_result peer_address(int fd, raw_address& out) noexcept override {
        return call(peer_address_call, [&] { return real_->peer_address(fd, out); });
    }
    sys_result get_option(int fd, socket_option option) noexcept override {
        return call(get_option_call, [&] { return real_->get_option(fd, option); });
    }
    sys_result set_option(int fd, socket_option option, int value) noexcept override {
        return call(set_option_call, [&] { return real_->set_option(fd, option, value); });
    }
    sys_result socket_file(const char* path, file_identity& out) noexcept override {
        return call(file_call, [&] { return real_->socket_file(path, out); });
    }
    sys_result remove_file(const char* path) noexcept override {
        return call(unlink_call, [&] { return real_->remove_file(path); });
    }
    bool resolve(const name_query& query, name_answer& out) override;
    bool name_of(const raw_address& address, host_and_service& out) override;

   private:
    const way* due(const call_kind& kind) noexcept;
    template <class Call>
    sys_result call(const call_kind& kind, Call real) noexcept {
        const way* w = due(kind);
        return w != nullptr ? sys_result{-1, w->error} : real();
    }
    /// A short read is not the end of what there is.
    static sys_result still_readable(io_source& s, sys_result r) noexcept {
        if (r.ok()) s.readable = true;
        return r;
    }

    call_points& points_;
    std::unique_ptr<backend> real_;
};

/// Numbers the pairs of a call and a way in which it can go wrong.
class call_points final : public everywhere_points {
   public:
    void choose(std::uint64_t n) override {
        made_ = 0;
        disturbed_ = false;
        told_.clear();
        if (n == 0) all_.clear();
        wanted_ = n == 0 ? place{} : locate(n);
    }
    std::uint64_t points() const override { return all_.size(); }
    std::uint64_t tries() const override {
        std::uint64_t n = 0;
        for (const call_kind* kind : all_) n += kind->ways.size();
        return n;
    }
    bool disturbed() const override { return disturbed_; }
    std::string told() const override { return told_; }
    std::string describe_try(std::uint64_t n) const override {
        const auto [at, w] = locate(n);
        return "call " + std::to_string(at) + " of " + std::to_string(all_.size()) + ", " +
               std::string(all_[at - 1]->name) +
               (w->is_short ? ", did only one byte" : ", failed with " + error_text(w->error));
    }
    std::unique_ptr<backend> decorate(std::unique_ptr<backend> b) override {
        return std::make_unique<disturbed_backend>(*this, std::move(b));
    }

    /// A call is about to be made: what it is to do instead, or null.
    const way* made(const call_kind& kind) {
        const sim_pause own;
        ++made_;
        if (wanted_.how == nullptr) {
            all_.push_back(&kind);
            return nullptr;
        }
        const auto [at, w] = wanted_;
        if (at != made_ || all_[at - 1] != &kind) return nullptr;
        disturbed_ = true;
        const task_state_base* t = running_loop != nullptr ? running_loop->current_task : nullptr;
        if (t != nullptr) told_ = "  in " + t->describe() + "\n" + await_chain(*t, "      ");
        return w;
    }

   private:
    struct place {
        std::uint64_t call;  ///< from 1
        const way* how;
    };
    [[nodiscard]] place locate(std::uint64_t n) const {
        std::uint64_t call = 0;
        for (const call_kind* kind : all_) {
            ++call;
            if (n <= kind->ways.size()) return {call, &kind->ways[n - 1]};
            n -= kind->ways.size();
        }
        return {call, &all_.back()->ways.back()};
    }
    static std::string error_text(int error) {
        const auto& category = error < 0 ? resolver_category() : std::generic_category();
        return category.message(error);
    }

    place wanted_{};  // without a way: all calls are counted
    std::uint64_t made_ = 0;
    bool disturbed_ = false;
    std::vector<const call_kind*> all_;
    std::string told_;
};

const way* disturbed_backend::due(const call_kind& kind) noexcept { return points_.made(kind); }

bool disturbed_backend::resolve(const name_query& query, name_answer& out) {
    // EAI_NONAME and EAI_AGAIN, as resolver_category() has them.
    static const call_kind resolve_call{"getaddrinfo", {fails(-2), fails(-3)}};
    if (const way* w = due(resolve_call)) {
        out.error = w->error;
        return true;
    }
    return real_->resolve(query, out);
}

bool disturbed_backend::name_of(const raw_address& address, host_and_service& out) {
    static const call_kind name_of_call{"getnameinfo", {fails(-2), fails(-3)}};
    if (const way* w = due(name_of_call)) {
        out.error = w->error;
        return true;
    }
    return real_->name_of(address, out);
}

}  // namespace

std::unique_ptr<everywhere_points> make_call_points() { return std::make_unique<call_points>(); }

}  // namespace asyncio::detail
