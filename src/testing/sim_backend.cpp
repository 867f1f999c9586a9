#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

class sim_backend final : public backend {
    /// What the network keeps is not the program's.
    template <class Call>
    auto net(Call call) {
        const sim_pause own;
        return call(host_.world.network);
    }

   public:
    explicit sim_backend(sim_host& host) noexcept : host_(host) {}

    std::string name() const override {
        return "simulation (seed " + std::to_string(host_.world.seed()) + ")";
    }
    time_point now() noexcept override { return host_.now(); }
    void poll(delay) override { host_.world.poll(host_); }
    void wake() noexcept override { host_.idle = false; }
    int fileno() noexcept override { return -1; }
    void arm_fileno(time_point) noexcept override {}
    std::uint64_t random() noexcept override { return host_.world.program_random.next(); }
    bool picks() const noexcept override { return true; }
    std::size_t pick(std::size_t) noexcept override { return host_.world.pick(host_); }

    int watch(io_source& s, unsigned events) noexcept override {
        return net([&](sim_network& n) { return n.watch(host_, s, events); });
    }
    int attach(io_source& s) noexcept override {
        return net([&](sim_network& n) { return n.attach(host_, s); });
    }
    void detach(io_source& s) noexcept override {
        net([&](sim_network& n) { n.detach(host_, s); });
    }
    sys_result open_socket(address_family family, socket_type type) noexcept override {
        return net([&](sim_network& n) { return n.open_socket(host_, family, type); });
    }
    sys_result open_pair(socket_type type, int (&fds)[2]) noexcept override {
        return net([&](sim_network& n) { return n.open_pair(host_, type, fds); });
    }
    sys_result connect(io_source& s, const raw_address& to) noexcept override {
        return net([&](sim_network& n) { return n.connect(host_, s, to); });
    }
    sys_result connect_result(io_source& s) noexcept override {
        return net([&](sim_network& n) { return n.connect_result(host_, s); });
    }
    sys_result bind(int fd, const raw_address& to) noexcept override {
        return net([&](sim_network& n) { return n.bind(host_, fd, to); });
    }
    sys_result listen(int fd, int backlog) noexcept override {
        return net([&](sim_network& n) { return n.listen(host_, fd, backlog); });
    }
    sys_result accept(io_source& s, raw_address& peer) noexcept override {
        return net([&](sim_network& n) { return n.accept(host_, s, peer); });
    }
    sys_result recv(io_source& s, void* data, std::size_t size) noexcept override {
        return net([&](sim_network& n) { return n.recv(host_, s, data, size); });
    }
    sys_result send(io_source& s, std::span<const const_chunk> chunks) noexcept override {
        return net([&](sim_network& n) { return n.send(host_, s, chunks); });
    }
    sys_result recv_from(io_source& s, void* data, std::size_t size,
                         raw_address& from) noexcept override {
        return net([&](sim_network& n) { return n.recv_from(host_, s, data, size, from); });
    }
    sys_result send_to(io_source& s, const void* data, std::size_t size,
                       const raw_address& to) noexcept override {
        return net([&](sim_network& n) { return n.send_to(host_, s, data, size, to); });
    }
    sys_result shutdown(int fd, bool, bool write) noexcept override {
        return net([&](sim_network& n) { return n.shutdown(host_, fd, write); });
    }
    void close(int fd) noexcept override {
        net([&](sim_network& n) { n.close(host_, fd, false); });
    }
    void abort(int fd) noexcept override {
        net([&](sim_network& n) { n.close(host_, fd, true); });
    }
    sys_result local_address(int fd, raw_address& out) noexcept override {
        return net([&](sim_network& n) { return n.local_address(host_, fd, out); });
    }
    sys_result peer_address(int fd, raw_address& out) noexcept override {
        return net([&](sim_network& n) { return n.peer_address(host_, fd, out); });
    }
    sys_result get_option(int fd, socket_option option) noexcept override {
        return net([&](sim_network& n) { return n.get_option(host_, fd, option); });
    }
    sys_result set_option(int fd, socket_option option, int value) noexcept override {
        return net([&](sim_network& n) { return n.set_option(host_, fd, option, value); });
    }
    sys_result socket_file(const char* path, file_identity& out) noexcept override {
        return net([&](sim_network& n) { return n.socket_file(host_, path, out); });
    }
    sys_result remove_file(const char* path) noexcept override {
        return net([&](sim_network& n) { return n.remove_file(host_, path); });
    }
    bool resolve(const name_query& query, name_answer& out) override {
        return net([&](sim_network& n) { return n.resolve(query, out); });
    }
    bool name_of(const raw_address& address, host_and_service& out) override {
        return net([&](sim_network& n) { return n.name_of(address, out); });
    }

   private:
    sim_host& host_;
};

}  // namespace

std::unique_ptr<backend> make_sim_backend(sim_host& host) {
    return std::make_unique<sim_backend>(host);
}

}  // namespace asyncio::detail
