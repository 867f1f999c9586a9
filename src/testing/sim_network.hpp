// The sockets of all hosts, and what travels between them.
//
//      send --> outgoing (in order, each with its time of arrival) --> received --> recv
//                    `-- a partition stops it; heal() lets it go on
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "asyncio/sys/backend.hpp"
#include "asyncio/testing/network.hpp"
#include "testing/sim_faults.hpp"
#include "testing/sim_random.hpp"

namespace asyncio::detail {

class sim_host;
class sim_world;

using socket_id = std::uint64_t;

struct sim_segment {
    enum class kind : unsigned char { data, end, reset };
    time_point arrives;
    kind what;
    std::string bytes;
};

struct sim_datagram {
    raw_address from;
    std::string bytes;
};

enum class socket_stage : unsigned char { fresh, listening, connecting, connected, over };

struct sim_socket {
    socket_id id = 0;
    int fd = -1;  ///< -1: nobody has it open any more
    std::uint64_t host = 0;
    address_family family = address_family::unspecified;
    socket_type type = socket_type::stream;
    socket_stage stage = socket_stage::fresh;
    raw_address local;
    raw_address remote;
    io_source* source = nullptr;
    bool attached = false;  ///< edge triggered
    unsigned watched = 0;   ///< level triggered
    unsigned pending = 0;   ///< events that the next poll tells
    int error = 0;          ///< told once
    int options[8] = {};
    // A connection.
    socket_id peer = 0;
    std::uint64_t peer_host = 0;
    std::deque<sim_segment> outgoing;
    std::size_t outgoing_bytes = 0;
    time_point last_arrival{};
    time_point blocked_since{};
    bool pumping = false;  ///< an event will look at `outgoing`
    bool stalled = false;  ///< it waits for the network to heal
    bool end_sent = false;
    std::string received;
    std::size_t received_begin = 0;
    bool end_received = false;
    bool wants_room = false;  ///< a write has found none
    [[nodiscard]] std::size_t unread() const noexcept { return received.size() - received_begin; }
    // A listener.
    std::deque<socket_id> waiting;
    std::size_t backlog = 0;
    // Datagrams.
    std::deque<sim_datagram> datagrams;
    std::size_t datagram_bytes = 0;
};

class sim_network {
   public:
    explicit sim_network(sim_world& world, const testing::network_options& options);
    sim_network(const sim_network&) = delete;
    sim_network& operator=(const sim_network&) = delete;

    // What a host's backend asks.
    int watch(sim_host& h, io_source& s, unsigned events);
    int attach(sim_host& h, io_source& s);
    void detach(sim_host& h, io_source& s);
    sys_result open_socket(sim_host& h, address_family family, socket_type type);
    sys_result open_pair(sim_host& h, socket_type type, int (&fds)[2]);
    sys_result connect(sim_host& h, io_source& s, const raw_address& to);
    sys_result connect_result(sim_host& h, io_source& s);
    sys_result bind(sim_host& h, int fd, const raw_address& to);
    sys_result listen(sim_host& h, int fd, int backlog);
    sys_result accept(sim_host& h, io_source& s, raw_address& peer);
    sys_result recv(sim_host& h, io_source& s, void* data, std::size_t size);
    sys_result send(sim_host& h, io_source& s, std::span<const const_chunk> chunks);
    sys_result recv_from(sim_host& h, io_source& s, void* data, std::size_t size,
                         raw_address& from);
    sys_result send_to(sim_host& h, io_source& s, const void* data, std::size_t size,
                       const raw_address& to);
    sys_result shutdown(sim_host& h, int fd, bool write);
    void close(sim_host& h, int fd, bool reset);
    sys_result local_address(sim_host& h, int fd, raw_address& out);
    sys_result peer_address(sim_host& h, int fd, raw_address& out);
    sys_result get_option(sim_host& h, int fd, socket_option option);
    sys_result set_option(sim_host& h, int fd, socket_option option, int value);
    sys_result socket_file(sim_host& h, const std::string& path, file_identity& out);
    sys_result remove_file(sim_host& h, const std::string& path);
    bool resolve(const name_query& query, name_answer& out);
    bool name_of(const raw_address& address, host_and_service& out);

    /// Tells the host's sources what has happened to them.
    void tell(sim_host& h);
    [[nodiscard]] bool has_news(const sim_host& h) const;

    // What happens to hosts.
    /// The process has ended: its sockets are closed.
    void process_ended(const sim_host& h);
    /// The machine is gone: its sockets are forgotten.
    void machine_vanished(const sim_host& h);
    /// The machine is there again.
    void machine_returned();
    [[nodiscard]] std::size_t open_count(const sim_host& h) const;
    [[nodiscard]] std::string open_text(const sim_host& h) const;

    // Faults.
    void block(std::uint64_t from, std::uint64_t to);
    void unblock(std::uint64_t from, std::uint64_t to);
    void unblock_all();
    void reset_between(std::uint64_t a, std::uint64_t b);
    void fail_lookups(const std::string& name);
    void set_options(const testing::network_options& options);
    sim_faults faults;

    // What events do.
    void pump(socket_id id);
    void give_up(socket_id id, time_point blocked_since);
    void arrive_call(socket_id id, std::chrono::nanoseconds next_try,
                     std::chrono::nanoseconds waited);
    void arrive_answer(socket_id client, socket_id server);
    void arrive_refusal(socket_id client);
    void make_room(socket_id id);
    void arrive_datagram(const raw_address& to, std::uint64_t to_host, std::uint64_t from_host,
                         sim_datagram d);

   private:
    sim_socket* find(const sim_host& h, int fd);
    sim_socket* find(socket_id id);
    sim_socket& make(sim_host& h, address_family family, socket_type type);
    sys_result give_descriptor(sim_host& h, sim_socket& s);
    void erase(socket_id id);
    void notify(sim_socket& s, unsigned events);
    [[nodiscard]] static unsigned readiness(const sim_socket& s) noexcept;
    [[nodiscard]] std::size_t room(const sim_socket& s);
    void queue_segment(sim_socket& s, sim_segment::kind what, std::string bytes);
    void deliver(sim_socket& from, sim_segment& segment);
    void fail_connection(sim_socket& s, int error);
    void tear(sim_socket& s);
    void join_sockets(sim_socket& a, sim_socket& b);
    sys_result connect_unix(sim_host& h, sim_socket& s, const raw_address& to);
    [[nodiscard]] sim_host* host_of(const sim_host& from, const raw_address& to);
    sim_socket* find_bound(std::uint64_t host, socket_type type, const raw_address& a);
    [[nodiscard]] bool is_own_address(const sim_host& h, const raw_address& a) const;
    std::uint16_t free_port(const sim_host& h, socket_type type);
    [[nodiscard]] bool passes(std::uint64_t from, std::uint64_t to);
    [[nodiscard]] std::chrono::nanoseconds latency(std::uint64_t from, std::uint64_t to);

    sim_world& world_;
    testing::network_options options_;
    sim_random random_;
    socket_id last_id_ = 0;
    std::map<socket_id, std::unique_ptr<sim_socket>> sockets_;
    std::map<std::pair<std::uint64_t, int>, socket_id> descriptors_;
    std::map<std::uint64_t, std::vector<socket_id>> news_;  ///< by host
    std::set<std::pair<std::uint64_t, std::uint64_t>> blocked_;
    std::set<std::string> failing_names_;
    std::map<std::pair<std::uint64_t, std::string>, socket_id> files_;
    std::uint16_t next_port_ = 49152;
};

}  // namespace asyncio::detail
