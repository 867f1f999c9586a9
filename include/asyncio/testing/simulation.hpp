// The running simulation, for those who want more than one host, or faults at chosen moments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncio/base/function.hpp"
#include "asyncio/task/task.hpp"
#include "asyncio/testing/network.hpp"

namespace asyncio::detail {
class sim_host;
class sim_world;

/// A process's main coroutine, whatever it gives.
template <class A>
coroutine<> sim_process_main(A main) {
    (void)co_await std::move(main);
}
}  // namespace asyncio::detail

namespace asyncio::testing {

/// A machine of the simulation with one process, which has a loop of its own. A handle: copies
/// refer to the same machine. Valid until the simulation ends; used by its main task, or by any
/// other.
class host {
   public:
    explicit host(detail::sim_host& state) noexcept : state_(&state) {}

    /// Its name, under which others look it up.
    [[nodiscard]] const std::string& name() const noexcept;
    /// "10.0.0.2"; the name resolves to it.
    [[nodiscard]] const std::string& address() const noexcept;
    /// Starts the process: f(args...) is its main coroutine, as under asyncio::run(). Callable and
    /// arguments are kept for restart(). An error of the process fails the simulation unless
    /// somebody waits in join(). Throws std::runtime_error if it runs already.
    template <class F, class... Args>
    void run(F&& f, Args&&... args) const {
        static_assert(std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>,
                      "the callable cannot be called with these arguments (they are stored by "
                      "value and passed as lvalues; use std::ref to refer to something that "
                      "outlives the simulation)");
        auto make = [f = std::decay_t<F>(std::forward<F>(f)),
                     stored =
                         std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
            return std::apply([&f](auto&... a) { return detail::sim_process_main(f(a...)); },
                              stored);
        };
        start(detail::function<coroutine<>()>(std::move(make)));
    }
    /// Waits until the process has ended; throws what its main coroutine threw. A process that was
    /// killed ends without an error.
    [[nodiscard]] future<> join() const;
    /// Is the process running?
    [[nodiscard]] bool is_up() const noexcept;

    /// The process dies at this moment: nothing of it runs any more, and the system closes its
    /// connections. Nothing if it is not running.
    void kill() const;
    /// The machine vanishes: nothing closes its connections, its peers hear nothing until it is
    /// started again.
    void power_off() const;
    /// Starts the process again, after it has ended, was killed or powered off.
    void restart() const;

    /// At most so many descriptors from now on.
    void limit_descriptors(std::size_t n) const;
    /// What arrives here becomes readable only after `d`.
    void read_slowly(delay d) const;

   private:
    void start(detail::function<coroutine<>()> make_main) const;
    detail::sim_host* state_;
};

/// The simulation that runs this code.
class simulation {
   public:
    explicit simulation(detail::sim_world& world) noexcept : world_(&world) {}
    /// Throws std::runtime_error outside simulations.
    [[nodiscard]] static simulation current();

    /// What all random choices follow from.
    [[nodiscard]] std::uint64_t seed() const noexcept;
    /// How much virtual time has passed.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;
    /// How often this has gone wrong so far.
    [[nodiscard]] std::uint64_t count(fault f) const noexcept;

    /// The machine of that name, made when it is first asked for. The program itself runs on
    /// "main". Names resolve everywhere.
    [[nodiscard]] host get_host(std::string_view name) const;
    /// Changes how the network is from now on.
    void set_network(const network_options& options) const;

    /// Nothing passes between the two hosts any more; what is on its way waits.
    void partition(std::string_view a, std::string_view b) const;
    /// Cuts a host off from all others.
    void isolate(std::string_view a) const;
    /// Nothing passes from `from` to `to`; the other direction works.
    void block(std::string_view from, std::string_view to) const;
    /// Takes back what partition() and block() did between the two.
    void heal(std::string_view a, std::string_view b) const;
    /// Takes back all of it.
    void heal() const;
    /// Tears every connection between the two.
    void reset_connections(std::string_view a, std::string_view b) const;
    /// Lookups of this name fail from now on.
    void fail_lookups(std::string_view name) const;

   private:
    detail::sim_world* world_;
};

}  // namespace asyncio::testing
