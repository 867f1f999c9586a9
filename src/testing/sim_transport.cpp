// How things travel between simulated sockets, and what stops them.
#include <algorithm>
#include <cerrno>

#include "testing/sim_network.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

using testing::fault;

namespace {

// Linux's defaults.
constexpr auto first_retransmission = std::chrono::milliseconds(200);
constexpr auto first_call_again = std::chrono::seconds(1);
constexpr auto call_given_up = std::chrono::seconds(127);
constexpr auto connection_given_up = std::chrono::seconds(924);
constexpr std::size_t largest_datagram = 65507;
constexpr std::size_t datagram_room = std::size_t(256) * 1024;

}  // namespace

// ---- who is told ----

unsigned sim_network::readiness(const sim_socket& s) noexcept {
    unsigned events = 0;
    const bool over = s.error != 0 || s.stage == socket_stage::over;
    if (s.unread() > 0 || s.end_received || over || !s.waiting.empty() || !s.datagrams.empty())
        events |= io_read;
    if (over || s.type == socket_type::datagram ||
        (s.stage == socket_stage::connected && !s.wants_room))
        events |= io_write;
    return events;
}

void sim_network::notify(sim_socket& s, unsigned events) {
    if (s.source == nullptr || events == 0) return;
    auto& news = news_[s.host];
    if (s.pending == 0) news.push_back(s.id);
    s.pending |= events;
}

bool sim_network::has_news(const sim_host& h) const {
    const auto at = news_.find(h.index);
    return at != news_.end() && !at->second.empty();
}

void sim_network::tell(sim_host& h) {
    const std::vector<socket_id> news = std::exchange(news_[h.index], {});
    for (const socket_id id : news) {
        sim_socket* s = find(id);
        if (s == nullptr || s->source == nullptr) continue;
        unsigned events = std::exchange(s->pending, 0);
        if (!s->attached) events = readiness(*s) & s->watched;
        if (events == 0) continue;
        io_source& source = *s->source;
        if ((events & io_read) != 0) source.readable = true;
        if ((events & io_write) != 0) source.writable = true;
        if (s->end_received || s->stage == socket_stage::over) source.hung_up = true;
        {
            const sim_resume program;
            source.on_ready(events);
        }
        s = find(id);
        // A descriptor that is only watched is told of as long as it is ready.
        if (s != nullptr && s->watched != 0) notify(*s, readiness(*s) & s->watched);
    }
}

// ---- the way ----

bool sim_network::passes(std::uint64_t from, std::uint64_t to) {
    if (from == to) return true;
    const bool off = world_.hosts()[from]->is_off || world_.hosts()[to]->is_off;
    if (off) faults.happened(fault::power_off);
    if (!blocked_.contains({from, to})) return !off;
    faults.happened(fault::partition);
    return false;
}

std::chrono::nanoseconds sim_network::latency(std::uint64_t from, std::uint64_t to) {
    if (from == to) return std::chrono::microseconds(5 + random_.below(25));
    const std::int64_t least =
        std::max<std::int64_t>(options_.min_latency.nanoseconds().count(), 0);
    const std::int64_t most = std::max(options_.max_latency.nanoseconds().count(), least);
    const auto range = static_cast<std::uint64_t>(most - least);
    std::chrono::nanoseconds d(least + static_cast<std::int64_t>(random_.below(range + 1)));
    if (random_.chance(options_.slow_packets)) d *= 10;
    return d;
}

std::size_t sim_network::room(const sim_socket& s) {
    const sim_socket* peer = find(s.peer);
    const std::size_t used = s.outgoing_bytes + (peer != nullptr ? peer->unread() : 0);
    return used < options_.window ? options_.window - used : 0;
}

void sim_network::make_room(socket_id id) {
    sim_socket* s = find(id);
    if (s == nullptr || !s->wants_room || room(*s) == 0) return;
    if (!passes(s->peer_host, s->host)) return;  // told again when the network has healed
    s->wants_room = false;
    notify(*s, io_write);
}

void sim_network::queue_segment(sim_socket& s, sim_segment::kind what, std::string bytes) {
    const bool far = s.host != s.peer_host;
    std::chrono::nanoseconds takes{0};
    if (s.family != address_family::unix_domain) takes = latency(s.host, s.peer_host);
    if (far && random_.chance(options_.resets)) {
        faults.happened(fault::reset);
        tear(s);
        return;
    }
    auto again = std::chrono::nanoseconds(first_retransmission);
    while (far && random_.chance(options_.loss)) {
        faults.happened(fault::loss);
        takes += again;
        again *= 2;
    }
    const auto slow = world_.hosts()[s.peer_host]->read_delay;
    if (slow.count() > 0 && what == sim_segment::kind::data) {
        faults.happened(fault::slow_reader);
        takes += slow;
    }
    s.last_arrival = std::max(s.last_arrival, world_.now() + takes);
    s.outgoing_bytes += bytes.size();
    s.outgoing.push_back({s.last_arrival, what, std::move(bytes)});
    if (!s.pumping && !s.stalled) pump(s.id);
}

void sim_network::pump(socket_id id) {
    sim_socket* s = find(id);
    if (s == nullptr) return;
    s->pumping = false;
    while (!s->outgoing.empty()) {
        if (s->stalled) return;
        const auto wait = s->outgoing.front().arrives - world_.now();
        if (wait.count() > 0) {
            s->pumping = true;
            world_.schedule(wait, make_sim_event([this, id] { pump(id); }));
            return;
        }
        if (!passes(s->host, s->peer_host)) {
            s->stalled = true;
            s->blocked_since = world_.now();
            world_.schedule(connection_given_up,
                            make_sim_event([this, id, at = world_.now()] { give_up(id, at); }));
            return;
        }
        if (const sim_socket* to = find(s->peer);
            to != nullptr && to->stage == socket_stage::connecting) {
            // Nothing overtakes the answer to the call.
            s->pumping = true;
            world_.schedule(std::chrono::milliseconds(1), make_sim_event([this, id] { pump(id); }));
            return;
        }
        sim_segment segment = std::move(s->outgoing.front());
        s->outgoing.pop_front();
        s->outgoing_bytes -= segment.bytes.size();
        deliver(*s, segment);
        s = find(id);
        if (s == nullptr) return;
    }
    if (s->fd < 0 && s->end_sent && s->stage == socket_stage::connected && s->outgoing.empty())
        erase(id);
}

void sim_network::give_up(socket_id id, time_point blocked_since) {
    sim_socket* s = find(id);
    if (s == nullptr || !s->stalled || s->blocked_since != blocked_since) return;
    fail_connection(*s, ETIMEDOUT);
}

void sim_network::deliver(sim_socket& from, sim_segment& segment) {
    sim_socket* to = find(from.peer);
    const bool nobody = to == nullptr || to->stage != socket_stage::connected;
    if (segment.what == sim_segment::kind::reset) {
        const socket_id sender = from.id;
        if (!nobody) fail_connection(*to, ECONNRESET);
        erase(sender);
        return;
    }
    if (nobody || (to->fd < 0 && to->end_sent)) {
        // A closed socket answers data with a reset; so does a machine that knows nothing of it.
        if (segment.what != sim_segment::kind::data && to != nullptr) return;
        if (to != nullptr && to->fd < 0) erase(to->id);
        if (segment.what == sim_segment::kind::data) fail_connection(from, ECONNRESET);
        return;
    }
    if (segment.what == sim_segment::kind::end)
        to->end_received = true;
    else
        to->received += segment.bytes;
    notify(*to, io_read);
}

void sim_network::fail_connection(sim_socket& s, int error) {
    s.stage = socket_stage::over;
    s.error = error;
    s.outgoing.clear();
    s.outgoing_bytes = 0;
    s.stalled = false;
    s.wants_room = false;
    const bool open = s.fd >= 0;
    const bool to_be_accepted = !open && !s.end_sent;
    notify(s, io_read | io_write);
    if (!open && !to_be_accepted) erase(s.id);
}

void sim_network::tear(sim_socket& s) {
    const socket_id own = s.id;
    const socket_id other = s.peer;
    if (sim_socket* peer = find(other); peer != nullptr && peer->stage == socket_stage::connected)
        fail_connection(*peer, ECONNRESET);
    if (sim_socket* self = find(own)) {
        const bool open = self->fd >= 0;
        fail_connection(*self, ECONNRESET);
        if (!open) erase(own);
    }
}

// ---- connecting ----

void sim_network::join_sockets(sim_socket& a, sim_socket& b) {
    for (auto [s, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        s->stage = socket_stage::connected;
        s->peer = other->id;
        s->peer_host = other->host;
    }
}

sys_result sim_network::connect_unix(sim_host& h, sim_socket& s, const raw_address& to) {
    const auto at = files_.find({h.index, unix_path_of(to)});
    if (at == files_.end()) return {-1, ENOENT};
    sim_socket* listener = find(at->second);
    if (listener == nullptr || listener->stage != socket_stage::listening)
        return {-1, ECONNREFUSED};
    if (listener->waiting.size() > listener->backlog) return {-1, EAGAIN};
    sim_socket& server = make(h, s.family, s.type);
    server.local = to;
    s.remote = to;
    join_sockets(s, server);
    listener->waiting.push_back(server.id);
    notify(*listener, io_read);
    notify(s, io_write);
    return {0, 0};
}

sys_result sim_network::connect(sim_host& h, io_source& source, const raw_address& to) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return {-1, EBADF};
    if (family_of(to) != s->family) return {-1, EAFNOSUPPORT};
    if (s->stage == socket_stage::connecting) return {-1, EALREADY};
    if (s->stage != socket_stage::fresh) return {-1, EISCONN};
    if (s->family == address_family::unix_domain) return connect_unix(h, *s, to);
    sim_host* target = host_of(h, to);
    if (target == nullptr) return {-1, ENETUNREACH};
    s->remote = to;
    if (s->local.size == 0) {
        std::string own = s->family == address_family::ipv6 ? "::1" : h.address;
        if (ip_of(to).starts_with("127.")) own = "127.0.0.1";
        (void)parse_ip(own, free_port(h, s->type), s->local);
    }
    if (s->type == socket_type::datagram) return {0, 0};
    s->stage = socket_stage::connecting;
    s->peer_host = target->index;
    s->blocked_since = world_.now();
    source.writable = false;
    auto takes = latency(h.index, target->index);
    auto again = std::chrono::nanoseconds(first_call_again);
    while (target != &h && random_.chance(options_.loss)) {
        faults.happened(fault::loss);
        takes += again;
        again *= 2;
    }
    world_.schedule(takes, make_sim_event([this, id = s->id] {
                        arrive_call(id, first_call_again, std::chrono::nanoseconds(0));
                    }));
    return {-1, EINPROGRESS};
}

void sim_network::arrive_call(socket_id id, std::chrono::nanoseconds next_try,
                              std::chrono::nanoseconds waited) {
    sim_socket* s = find(id);
    if (s == nullptr || s->stage != socket_stage::connecting) return;
    const bool reaches = passes(s->host, s->peer_host);
    sim_host& target = *world_.hosts()[s->peer_host];
    sim_socket* listener =
        reaches ? find_bound(target.index, socket_type::stream, s->remote) : nullptr;
    if (reaches && listener == nullptr) {
        world_.schedule(latency(s->peer_host, s->host),
                        make_sim_event([this, id] { arrive_refusal(id); }));
        return;
    }
    if (!reaches || listener->waiting.size() > listener->backlog) {
        if (waited + next_try > call_given_up) {
            s->stage = socket_stage::fresh;
            s->error = ETIMEDOUT;
            notify(*s, io_write);
            return;
        }
        world_.schedule(next_try, make_sim_event([this, id, next_try, waited] {
                            arrive_call(id, next_try * 2, waited + next_try);
                        }));
        return;
    }
    sim_socket& server = make(target, s->family, s->type);
    server.local = s->remote;
    server.remote = s->local;
    server.stage = socket_stage::connected;
    server.peer = id;
    server.peer_host = s->host;
    const auto back = latency(target.index, s->host);
    server.last_arrival = world_.now() + back;  // nothing overtakes the answer
    listener->waiting.push_back(server.id);
    notify(*listener, io_read);
    world_.schedule(
        back, make_sim_event([this, id, server_id = server.id] { arrive_answer(id, server_id); }));
}

void sim_network::arrive_answer(socket_id client_id, socket_id server_id) {
    sim_socket* client = find(client_id);
    sim_socket* server = find(server_id);
    if (client == nullptr || client->stage != socket_stage::connecting) {
        if (server != nullptr) fail_connection(*server, ECONNRESET);
        return;
    }
    if (!passes(client->peer_host, client->host)) {
        if (world_.now() - client->blocked_since > call_given_up) {
            client->stage = socket_stage::fresh;
            client->error = ETIMEDOUT;
            notify(*client, io_write);
            return;
        }
        if (server != nullptr)
            server->last_arrival = std::max(server->last_arrival, world_.now() + first_call_again);
        world_.schedule(first_call_again, make_sim_event([this, client_id, server_id] {
                            arrive_answer(client_id, server_id);
                        }));
        return;
    }
    if (server == nullptr) return arrive_refusal(client_id);
    client->stage = socket_stage::connected;
    client->peer = server_id;
    notify(*client, io_write);
}

void sim_network::arrive_refusal(socket_id client_id) {
    sim_socket* client = find(client_id);
    if (client == nullptr || client->stage != socket_stage::connecting) return;
    client->stage = socket_stage::fresh;
    client->error = ECONNREFUSED;
    notify(*client, io_write);
}

sys_result sim_network::connect_result(sim_host& h, io_source& source) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return {0, EBADF};
    return {0, std::exchange(s->error, 0)};
}

// ---- datagrams ----

sys_result sim_network::send_to(sim_host& h, io_source& source, const void* data, std::size_t size,
                                const raw_address& to) {
    sim_socket* s = find(h, source.fd);
    if (s == nullptr) return {-1, EBADF};
    if (size > largest_datagram) return {-1, EMSGSIZE};
    if (family_of(to) != s->family) return {-1, EAFNOSUPPORT};
    sim_host* target = host_of(h, to);
    if (target == nullptr) return {-1, ENETUNREACH};
    if (s->local.size == 0)
        (void)parse_ip(s->family == address_family::ipv6 ? "::1" : h.address, free_port(h, s->type),
                       s->local);
    raw_address from = s->local;
    if (ip_of(from) == "0.0.0.0") (void)parse_ip(h.address, port_of(s->local), from);
    sim_datagram d{from, std::string(static_cast<const char*>(data), size)};
    if (target != &h && random_.chance(options_.loss)) {
        faults.happened(fault::loss);
    } else {
        world_.schedule(latency(h.index, target->index),
                        make_sim_event([this, to, target = target->index, own = h.index,
                                        d = std::move(d)]() mutable {
                            arrive_datagram(to, target, own, std::move(d));
                        }));
    }
    return {static_cast<std::int64_t>(size), 0};
}

void sim_network::arrive_datagram(const raw_address& to, std::uint64_t to_host,
                                  std::uint64_t from_host, sim_datagram d) {
    if (!passes(from_host, to_host)) return;
    sim_socket* s = find_bound(to_host, socket_type::datagram, to);
    if (s == nullptr || s->datagram_bytes + d.bytes.size() > datagram_room) return;
    s->datagram_bytes += d.bytes.size();
    s->datagrams.push_back(std::move(d));
    notify(*s, io_read);
}

// ---- faults ----

void sim_network::block(std::uint64_t from, std::uint64_t to) {
    faults.want(fault::partition);
    blocked_.insert({from, to});
}

void sim_network::unblock(std::uint64_t from, std::uint64_t to) {
    blocked_.erase({from, to});
    machine_returned();
}

void sim_network::unblock_all() {
    blocked_.clear();
    machine_returned();
}

void sim_network::machine_returned() {
    std::vector<socket_id> all;
    for (const auto& [id, s] : sockets_) all.push_back(id);
    for (const socket_id id : all) {
        sim_socket* s = find(id);
        if (s == nullptr) continue;
        if (s->stalled && passes(s->host, s->peer_host)) {
            // The next retransmission brings what has waited.
            s->stalled = false;
            const auto wait = std::chrono::nanoseconds(
                random_.below(std::chrono::nanoseconds(first_retransmission).count()));
            const time_point arrives = world_.now() + wait + latency(s->host, s->peer_host);
            for (sim_segment& segment : s->outgoing)
                segment.arrives = std::max(segment.arrives, arrives);
            s->last_arrival = std::max(s->last_arrival, arrives);
            if (!s->pumping) pump(id);
        }
        make_room(id);
    }
}

void sim_network::reset_between(std::uint64_t a, std::uint64_t b) {
    faults.want(fault::reset);
    std::vector<socket_id> torn;
    for (const auto& [id, s] : sockets_)
        if (s->stage == socket_stage::connected && s->host == a && s->peer_host == b)
            torn.push_back(id);
    for (const socket_id id : torn) {
        sim_socket* s = find(id);
        if (s == nullptr) continue;
        faults.happened(fault::reset);
        tear(*s);
    }
}

void sim_network::fail_lookups(const std::string& name) {
    faults.want(fault::failed_lookup);
    failing_names_.insert(name);
}

void sim_network::process_ended(const sim_host& h) {
    std::vector<int> open;
    for (const auto& [key, id] : descriptors_)
        if (key.first == h.index) open.push_back(key.second);
    for (const int fd : open) close(*world_.hosts()[h.index], fd, false);
}

void sim_network::machine_vanished(const sim_host& h) {
    std::vector<socket_id> gone;
    for (const auto& [id, s] : sockets_)
        if (s->host == h.index) gone.push_back(id);
    for (const socket_id id : gone) erase(id);
    std::erase_if(files_, [&](const auto& entry) { return entry.first.first == h.index; });
}

}  // namespace asyncio::detail
