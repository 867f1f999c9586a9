#include <cerrno>

#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

class sim_backend final : public backend {
   public:
    explicit sim_backend(sim_host& host) noexcept : host_(host) {}

    std::string name() const override {
        return "simulation (seed " + std::to_string(host_.world.seed()) + ")";
    }
    time_point now() noexcept override { return host_.now(); }
    void poll(delay) override { host_.world.poll(host_); }
    void wake() noexcept override { host_.idle = false; }
    int fileno() const noexcept override { return -1; }
    void arm_fileno(time_point) noexcept override {}
    std::uint64_t random() noexcept override { return host_.world.program_random.next(); }
    bool picks() const noexcept override { return true; }
    std::size_t pick(std::size_t) noexcept override { return host_.world.pick(host_); }

    int watch(io_source&, unsigned) noexcept override { return EOPNOTSUPP; }
    int attach(io_source&) noexcept override { return EOPNOTSUPP; }
    void detach(io_source&) noexcept override {}
    sys_result open_socket(address_family, socket_type) noexcept override { return none(); }
    sys_result open_pair(socket_type, int (&)[2]) noexcept override { return none(); }
    sys_result connect(io_source&, const raw_address&) noexcept override { return none(); }
    sys_result connect_result(io_source&) noexcept override { return none(); }
    sys_result bind(int, const raw_address&) noexcept override { return none(); }
    sys_result listen(int, int) noexcept override { return none(); }
    sys_result accept(io_source&, raw_address&) noexcept override { return none(); }
    sys_result recv(io_source&, void*, std::size_t) noexcept override { return none(); }
    sys_result send(io_source&, std::span<const const_chunk>) noexcept override { return none(); }
    sys_result recv_from(io_source&, void*, std::size_t, raw_address&) noexcept override {
        return none();
    }
    sys_result send_to(io_source&, const void*, std::size_t, const raw_address&) noexcept override {
        return none();
    }
    sys_result shutdown(int, bool, bool) noexcept override { return none(); }
    void close(int) noexcept override {}
    void abort(int) noexcept override {}
    sys_result local_address(int, raw_address&) noexcept override { return none(); }
    sys_result peer_address(int, raw_address&) noexcept override { return none(); }
    sys_result get_option(int, socket_option) noexcept override { return none(); }
    sys_result set_option(int, socket_option, int) noexcept override { return none(); }
    sys_result socket_file(const char*, file_identity&) noexcept override { return none(); }
    sys_result remove_file(const char*) noexcept override { return none(); }

   private:
    static sys_result none() noexcept { return {-1, EOPNOTSUPP}; }
    sim_host& host_;
};

}  // namespace

std::unique_ptr<backend> make_sim_backend(sim_host& host) {
    return std::make_unique<sim_backend>(host);
}

}  // namespace asyncio::detail
