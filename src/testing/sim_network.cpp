// The calls on simulated sockets, as a kernel answers them.
#include "testing/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "testing/sim_world.hpp"

namespace asyncio::detail {

using testing::fault;

namespace {

constexpr int first_descriptor = 1000;
// What the system's resolver says (EAI_NONAME, EAI_AGAIN, EAI_SERVICE).
constexpr int name_unknown = -2;
constexpr int try_again = -3;
constexpr int service_unknown = -8;

constexpr std::pair<std::uint16_t, const char*> services[] = {{80, "http"}, {443, "https"}};

sys_result failed(int error) noexcept { return {-1, error}; }

sys_result would_block(bool& hint) noexcept {
    hint = false;
    return failed(EAGAIN);
}

bool is_any(const std::string& ip) { return ip == "0.0.0.0" || ip == "::"; }
bool is_loopback(const std::string& ip) { return ip.starts_with("127.") || ip == "::1"; }

bool parse_service(const std::string& service, std::uint16_t& port) {
    const char* end = service.data() + service.size();
    const auto [at, error] = std::from_chars(service.data(), end, port);
    if (service.empty() || (at == end && error == std::errc())) return true;
    for (const auto& [number, name] : services) {
        if (service != name) continue;
        port = number;
        return true;
    }
    return false;
}

}  // namespace

sim_network::sim_network(sim_world& world, const testing::network_options& options)
    : world_(world), random_(world.seed(), 0x4e7) {
    set_options(options);
}

void sim_network::set_options(const testing::network_options& options) {
    options_ = options;
    if (options.loss > 0) faults.want(fault::loss);
    if (options.resets > 0) faults.want(fault::reset);
    if (options.short_reads > 0) faults.want(fault::short_read);
    if (options.short_writes > 0) faults.want(fault::short_write);
}

// ---- sockets and descriptors ----

sim_socket* sim_network::find(const sim_host& h, int fd) {
    const auto at = descriptors_.find({h.index, fd});
    return at == descriptors_.end() ? nullptr : find(at->second);
}

sim_socket* sim_network::find(socket_id id) {
    const auto at = sockets_.find(id);
    return at == sockets_.end() ? nullptr : at->second.get();
}

sim_socket& sim_network::make(sim_host& h, address_family family, socket_type type) {
    auto s = std::make_unique<sim_socket>();
    s->id = ++last_id_;
    s->host = h.index;
    s->family = family;
    s->type = type;
    sim_socket& made = *s;
    sockets_.emplace(made.id, std::move(s));
    return made;
}

/// The lowest that is free, as the kernel does: a descriptor that is used after it was closed soon
/// means another socket.
sys_result sim_network::give_descriptor(sim_host& h, sim_socket& s) {
    if (open_count(h) >= std::min(h.descriptor_limit, options_.descriptors)) {
        faults.happened(fault::too_many_descriptors);
        return failed(EMFILE);
    }
    int fd = first_descriptor;
    for (auto at = descriptors_.lower_bound({h.index, fd});
         at != descriptors_.end() && at->first == std::pair(h.index, fd); ++at)
        ++fd;
    s.fd = fd;
    descriptors_[{h.index, fd}] = s.id;
    return {fd, 0};
}

void sim_network::erase(socket_id id) {
    if (const sim_socket* s = find(id); s != nullptr && s->fd >= 0)
        descriptors_.erase({s->host, s->fd});
    sockets_.erase(id);
}

std::size_t sim_network::open_count(const sim_host& h) const {
    return static_cast<std::size_t>(std::distance(descriptors_.lower_bound({h.index, 0}),
                                                  descriptors_.lower_bound({h.index + 1, 0})));
}

std::string sim_network::open_text(const sim_host& h) const {
    std::string text;
    for (auto at = descriptors_.lower_bound({h.index, 0});
         at != descriptors_.end() && at->first.first == h.index; ++at) {
        const sim_socket& s = *sockets_.at(at->second);
        text += "      " + std::to_string(s.fd) + ": from " + ip_of(s.local) + ":" +
                std::to_string(port_of(s.local)) + " to " + ip_of(s.remote) + ":" +
                std::to_string(port_of(s.remote)) + "\n";
    }
    return text;
}

sys_result sim_network::open_socket(sim_host& h, address_family family, socket_type type) {
    if (family == address_family::unspecified) return failed(EAFNOSUPPORT);
    sim_socket& s = make(h, family, type);
    const sys_result r = give_descriptor(h, s);
    if (!r.ok()) erase(s.id);
    return r;
}

sys_result sim_network::open_pair(sim_host& h, socket_type type, int (&fds)[2]) {
    sim_socket& a = make(h, address_family::unix_domain, type);
    sim_socket& b = make(h, address_family::unix_domain, type);
    const sys_result first = give_descriptor(h, a);
    const sys_result second = first.ok() ? give_descriptor(h, b) : first;
    if (!second.ok()) {
        erase(a.id);
        erase(b.id);
        return second;
    }
    join_sockets(a, b);
    fds[0] = a.fd;
    fds[1] = b.fd;
    return {0, 0};
}

int sim_network::attach(sim_host& h, io_source& source) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return EBADF;
    if (s->source != nullptr) return EEXIST;
    s->source = &source;
    s->attached = true;
    source.registered = true;
    notify(*s, readiness(*s));
    return 0;
}

int sim_network::watch(sim_host& h, io_source& source, unsigned events) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return EOPNOTSUPP;  // a descriptor of the system
    if (s->attached) return EEXIST;
    s->source = events != 0 ? &source : nullptr;
    s->watched = events;
    source.registered = events != 0;
    notify(*s, readiness(*s) & events);
    return 0;
}

void sim_network::detach(sim_host& h, io_source& source) {
    source.registered = false;
    sim_socket* s = find(h, source.fd);
    if (s == nullptr || s->source != &source) return;
    s->source = nullptr;
    s->attached = false;
    s->pending = 0;
}

// ---- addresses ----

bool sim_network::is_own_address(const sim_host& h, const raw_address& a) const {
    const std::string ip = ip_of(a);
    return is_any(ip) || is_loopback(ip) || ip == h.address;
}

sim_host* sim_network::host_of(const sim_host& from, const raw_address& to) {
    const std::string ip = ip_of(to);
    for (const auto& h : world_.hosts())
        if (h->address == ip || (h.get() == &from && (is_any(ip) || is_loopback(ip))))
            return h.get();
    return nullptr;
}

sim_socket* sim_network::find_bound(std::uint64_t host, socket_type type, const raw_address& a) {
    const std::string ip = ip_of(a);
    for (const auto& [id, s] : sockets_) {
        if (s->host != host || s->type != type || s->fd < 0 || s->local.size == 0) continue;
        if (type == socket_type::stream && s->stage != socket_stage::listening) continue;
        if (port_of(s->local) != port_of(a) || s->family != family_of(a)) continue;
        const std::string own = ip_of(s->local);
        if (is_any(own) || is_any(ip) || own == ip) return s.get();
    }
    return nullptr;
}

std::uint16_t sim_network::free_port(const sim_host& h, socket_type type) {
    for (;;) {
        const std::uint16_t port = next_port_;
        next_port_ = next_port_ == 65535 ? 49152 : static_cast<std::uint16_t>(next_port_ + 1);
        const bool taken = std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& entry) {
            const sim_socket& s = *entry.second;
            return s.host == h.index && s.type == type && port_of(s.local) == port;
        });
        if (!taken) return port;
    }
}

sys_result sim_network::bind(sim_host& h, int fd, const raw_address& to) {
    sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    if (s->local.size != 0) return failed(EINVAL);
    if (family_of(to) != s->family) return failed(EAFNOSUPPORT);
    if (s->family == address_family::unix_domain) {
        if (!files_.emplace(std::pair(h.index, unix_path_of(to)), s->id).second)
            return failed(EADDRINUSE);
        s->local = to;
        return {0, 0};
    }
    if (!is_own_address(h, to)) return failed(EADDRNOTAVAIL);
    raw_address local = to;
    if (port_of(to) == 0)
        set_port(local, free_port(h, s->type));
    else if (find_bound(h.index, s->type, to) != nullptr)
        return failed(EADDRINUSE);
    s->local = local;
    return {0, 0};
}

sys_result sim_network::listen(sim_host& h, int fd, int backlog) {
    sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    if (s->type != socket_type::stream) return failed(EOPNOTSUPP);
    if (s->local.size == 0) {
        (void)parse_ip(s->family == address_family::ipv6 ? "::" : "0.0.0.0", free_port(h, s->type),
                       s->local);
    } else if (s->stage != socket_stage::listening && s->family != address_family::unix_domain &&
               find_bound(h.index, s->type, s->local) != nullptr) {
        return failed(EADDRINUSE);
    }
    s->stage = socket_stage::listening;
    s->backlog = static_cast<std::size_t>(std::max(backlog, 1));
    return {0, 0};
}

sys_result sim_network::local_address(sim_host& h, int fd, raw_address& out) {
    const sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    out = s->local;
    if (out.size == 0 && s->family != address_family::unix_domain)
        (void)parse_ip(s->family == address_family::ipv6 ? "::" : "0.0.0.0", 0, out);
    return {0, 0};
}

sys_result sim_network::peer_address(sim_host& h, int fd, raw_address& out) {
    const sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    const bool datagrams = s->type == socket_type::datagram && s->remote.size != 0;
    if (s->stage != socket_stage::connected && !datagrams) return failed(ENOTCONN);
    out = s->remote;
    return {0, 0};
}

sys_result sim_network::get_option(sim_host& h, int fd, socket_option option) {
    const sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    return {s->options[static_cast<std::size_t>(option)], 0};
}

sys_result sim_network::set_option(sim_host& h, int fd, socket_option option, int value) {
    sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    s->options[static_cast<std::size_t>(option)] = value;
    return {0, 0};
}

sys_result sim_network::socket_file(sim_host& h, const std::string& path, file_identity& out) {
    const auto at = files_.find({h.index, path});
    if (at == files_.end()) return failed(ENOENT);
    out = {1, at->second};
    return {0, 0};
}

sys_result sim_network::remove_file(sim_host& h, const std::string& path) {
    return files_.erase({h.index, path}) > 0 ? sys_result{0, 0} : failed(ENOENT);
}

bool sim_network::resolve(const name_query& q, name_answer& out) {
    std::uint16_t port = 0;
    if (!parse_service(q.service, port)) {
        out.error = service_unknown;
        return true;
    }
    if (failing_names_.contains(q.host)) {
        faults.happened(fault::failed_lookup);
        out.error = try_again;
        return true;
    }
    const auto add = [&](const std::string& ip) {
        raw_address a;
        if (!parse_ip(ip, port, a)) return;
        if (q.family == address_family::unspecified || q.family == family_of(a))
            out.addresses.push_back(a);
    };
    if (q.host.empty()) {
        add(q.passive ? "0.0.0.0" : "127.0.0.1");
    } else if (q.host == "localhost") {
        add("127.0.0.1");
    } else {
        add(q.host);
        for (const auto& h : world_.hosts())
            if (h->name == q.host) add(h->address);
    }
    if (out.addresses.empty()) out.error = name_unknown;
    if (q.canonical_name) out.canonical_name = q.host;
    return true;
}

bool sim_network::name_of(const raw_address& address, host_and_service& out) {
    out.host = ip_of(address);
    if (is_loopback(out.host)) out.host = "localhost";
    for (const auto& h : world_.hosts())
        if (h->address == out.host) out.host = h->name;
    if (failing_names_.contains(out.host)) {
        faults.happened(fault::failed_lookup);
        out.error = try_again;
    }
    const std::uint16_t port = port_of(address);
    out.service = std::to_string(port);
    for (const auto& [number, name] : services)
        if (number == port) out.service = name;
    return true;
}

// ---- reading and writing ----

sys_result sim_network::accept(sim_host& h, io_source& source, raw_address& peer) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return failed(EBADF);
    if (s->stage != socket_stage::listening) return failed(EINVAL);
    while (!s->waiting.empty()) {
        sim_socket* waiting = find(s->waiting.front());
        if (waiting == nullptr) {
            s->waiting.pop_front();
            continue;
        }
        const sys_result r = give_descriptor(h, *waiting);
        if (!r.ok()) return r;  // it waits on
        s->waiting.pop_front();
        peer = waiting->remote;
        return r;
    }
    return would_block(source.readable);
}

sys_result sim_network::recv(sim_host& h, io_source& source, void* data, std::size_t size) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return failed(EBADF);
    if (s->type == socket_type::datagram) {
        raw_address from;
        return recv_from(h, source, data, size, from);
    }
    if (s->unread() == 0) {
        if (s->error != 0) return failed(std::exchange(s->error, 0));
        if (s->end_received || s->stage == socket_stage::over) return {0, 0};
        if (s->stage != socket_stage::connected && s->stage != socket_stage::connecting)
            return failed(ENOTCONN);
        return would_block(source.readable);
    }
    std::size_t n = std::min(size, s->unread());
    if (n > 1 && random_.chance(options_.short_reads)) {
        faults.happened(fault::short_read);
        n = 1 + random_.below(n - 1);
    }
    std::memcpy(data, s->received.data() + s->received_begin, n);
    s->received_begin += n;
    if (s->unread() == 0) {
        s->received.clear();
        s->received_begin = 0;
    }
    source.readable = (readiness(*s) & io_read) != 0;
    if (const sim_socket* peer = find(s->peer); peer != nullptr && peer->wants_room)
        world_.schedule(latency(s->host, peer->host),
                        make_sim_event([this, id = peer->id] { make_room(id); }));
    return {static_cast<std::int64_t>(n), 0};
}

sys_result sim_network::send(sim_host& h, io_source& source, std::span<const const_chunk> chunks) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return failed(EBADF);
    if (s->type == socket_type::datagram && s->stage != socket_stage::connected) {
        if (s->remote.size == 0) return failed(EDESTADDRREQ);
        std::string all;
        for (const const_chunk& c : chunks) all.append(static_cast<const char*>(c.data), c.size);
        return send_to(h, source, all.data(), all.size(), s->remote);
    }
    if (s->error != 0) return failed(std::exchange(s->error, 0));
    if (s->stage == socket_stage::connecting) return would_block(source.writable);
    if (s->stage != socket_stage::connected || s->end_sent) return failed(EPIPE);
    std::size_t total = 0;
    for (const const_chunk& c : chunks) total += c.size;
    if (total == 0) return {0, 0};
    std::size_t n = std::min(total, room(*s));
    if (n == 0) {
        s->wants_room = true;
        return would_block(source.writable);
    }
    if (n > 1 && random_.chance(options_.short_writes)) {
        faults.happened(fault::short_write);
        n = 1 + random_.below(n - 1);
    }
    std::string bytes;
    for (const const_chunk& c : chunks)
        bytes.append(static_cast<const char*>(c.data), std::min(c.size, n - bytes.size()));
    queue_segment(*s, sim_segment::kind::data, std::move(bytes));
    return {static_cast<std::int64_t>(n), 0};
}

sys_result sim_network::recv_from(sim_host& h, io_source& source, void* data, std::size_t size,
                                  raw_address& from) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return failed(EBADF);
    if (s->datagrams.empty()) return would_block(source.readable);
    const sim_datagram d = std::move(s->datagrams.front());
    s->datagrams.pop_front();
    s->datagram_bytes -= d.bytes.size();
    const std::size_t n = std::min(size, d.bytes.size());
    std::memcpy(data, d.bytes.data(), n);
    from = d.from;
    return {static_cast<std::int64_t>(n), 0};
}

sys_result sim_network::shutdown(sim_host& h, int fd, bool write) {
    sim_socket* s = find(h, fd);
    if (s == nullptr) return failed(EBADF);
    if (s->stage != socket_stage::connected) return failed(ENOTCONN);
    if (write && !std::exchange(s->end_sent, true)) queue_segment(*s, sim_segment::kind::end, {});
    return {0, 0};
}

void sim_network::close(sim_host& h, int fd, bool reset) {
    sim_socket* s = find(h, fd);
    if (s == nullptr) return;
    descriptors_.erase({h.index, fd});
    s->fd = -1;
    s->source = nullptr;
    s->attached = false;
    const std::deque<socket_id> waiting = std::move(s->waiting);
    for (const socket_id id : waiting)
        if (sim_socket* never_accepted = find(id)) tear(*never_accepted);
    if (s->stage != socket_stage::connected) return erase(s->id);
    // What was not read is lost, which the peer is told by a reset.
    if (reset || s->unread() > 0) {
        s->outgoing.clear();
        s->outgoing_bytes = 0;
        queue_segment(*s, sim_segment::kind::reset, {});
    } else if (!std::exchange(s->end_sent, true)) {
        queue_segment(*s, sim_segment::kind::end, {});
    } else if (s->outgoing.empty()) {
        erase(s->id);
    }
}

}  // namespace asyncio::detail
