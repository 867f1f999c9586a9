#include "asyncio/testing/simulation.hpp"

#include <stdexcept>

#include "asyncio/testing/errors.hpp"
#include "testing/sim_world.hpp"

namespace asyncio {

namespace detail {

void check_faults(const sim_faults& faults, const std::string& scope) {
    const std::string missing = faults.missing();
    if (missing.empty()) return;
    throw testing::fault_never_fired(
        "asyncio: asked for and never happened in " + scope + ": " + missing +
        ". The test has proven nothing about it: let more pass between the hosts, or make it "
        "likelier");
}

}  // namespace detail

namespace testing {

std::string_view to_string(fault f) noexcept {
    switch (f) {
        case fault::loss:
            return "loss";
        case fault::reset:
            return "reset";
        case fault::short_read:
            return "short_read";
        case fault::short_write:
            return "short_write";
        case fault::partition:
            return "partition";
        case fault::too_many_descriptors:
            return "too_many_descriptors";
        case fault::kill:
            return "kill";
        case fault::power_off:
            return "power_off";
        case fault::slow_reader:
            return "slow_reader";
        case fault::failed_lookup:
            break;
    }
    return "failed_lookup";
}

// ---- host ----

const std::string& host::name() const noexcept { return state_->name; }
const std::string& host::address() const noexcept { return state_->address; }
bool host::is_up() const noexcept { return state_->is_up(); }

void host::start(detail::function<coroutine<>()> make_main) const {
    const detail::sim_pause own;
    if (state_->is_up())
        throw std::runtime_error("asyncio: host '" + name() +
                                 "' runs a process already; kill it first, or wait for its end");
    state_->make_main = std::move(make_main);
    state_->start();
}

future<> host::join() const {
    const future<> f = get_running_loop().create_future();
    const detail::sim_pause own;
    if (state_->is_up())
        state_->joiners.push_back(f);
    else
        f.set_result();
    return f;
}

void host::kill() const {
    const detail::sim_pause own;
    state_->kill(false);
}

void host::power_off() const {
    const detail::sim_pause own;
    state_->kill(true);
}

void host::restart() const {
    const detail::sim_pause own;
    state_->start();
}

void host::limit_descriptors(std::size_t n) const {
    const detail::sim_pause own;
    state_->world.network.faults.want(fault::too_many_descriptors);
    state_->descriptor_limit = n;
}

void host::read_slowly(delay d) const {
    const detail::sim_pause own;
    state_->world.network.faults.want(fault::slow_reader);
    state_->read_delay = d.nanoseconds();
}

// ---- simulation ----

simulation simulation::current() {
    detail::sim_world* world = detail::running_world();
    if (world == nullptr)
        throw std::runtime_error(
            "asyncio: no simulation runs in this thread; call testing::simulate(...)");
    return simulation(*world);
}

std::uint64_t simulation::seed() const noexcept { return world_->seed(); }
std::chrono::nanoseconds simulation::elapsed() const noexcept { return world_->elapsed(); }
std::uint64_t simulation::count(fault f) const noexcept { return world_->network.faults.count(f); }

host simulation::get_host(std::string_view name) const {
    const detail::sim_pause own;
    return host(world_->host_named(name));
}

void simulation::set_network(const network_options& options) const {
    const detail::sim_pause own;
    world_->network.set_options(options);
}

void simulation::block(std::string_view from, std::string_view to) const {
    const detail::sim_pause own;
    world_->network.block(world_->host_named(from).index, world_->host_named(to).index);
}

void simulation::partition(std::string_view a, std::string_view b) const {
    block(a, b);
    block(b, a);
}

void simulation::isolate(std::string_view a) const {
    const detail::sim_pause own;
    const std::uint64_t cut_off = world_->host_named(a).index;
    for (const auto& h : world_->hosts()) {
        if (h->index == cut_off) continue;
        world_->network.block(cut_off, h->index);
        world_->network.block(h->index, cut_off);
    }
}

void simulation::heal(std::string_view a, std::string_view b) const {
    const detail::sim_pause own;
    const std::uint64_t first = world_->host_named(a).index;
    const std::uint64_t second = world_->host_named(b).index;
    world_->network.unblock(first, second);
    world_->network.unblock(second, first);
}

void simulation::heal() const {
    const detail::sim_pause own;
    world_->network.unblock_all();
}

void simulation::reset_connections(std::string_view a, std::string_view b) const {
    const detail::sim_pause own;
    world_->network.reset_between(world_->host_named(a).index, world_->host_named(b).index);
}

void simulation::fail_lookups(std::string_view name) const {
    const detail::sim_pause own;
    world_->network.fail_lookups(std::string(name));
}

}  // namespace testing
}  // namespace asyncio
