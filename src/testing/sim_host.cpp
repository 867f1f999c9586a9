#include <stdexcept>
#include <utility>

#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/executor/executor.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

/// The life of a process: its main coroutine, and then what asyncio::run() does with what is left,
/// also if main was cancelled.
coroutine<> process(sim_host& host) {
    const outcome<> ended = co_await as_outcome(host.make_main());
    const task<> self = current_task();
    for (auto left = all_tasks(); left.size() > 1; left = all_tasks()) {
        for (const task<>& t : left)
            if (!(t == self)) t.cancel("the process is ending");
        for (const task<>& t : left) {
            while (!(t == self) && !t.done())
                (void)co_await as_outcome(sleep(std::chrono::milliseconds(1)));
        }
    }
    ended.value();
}

}  // namespace

sim_host::sim_host(sim_world& w, std::uint64_t i, std::string_view n)
    : world(w), index(i), name(n), address("10.0.0." + std::to_string(i + 1)) {}

sim_host::~sim_host() { halt(); }

event_loop& sim_host::boot() {
    loop = make_loop(world.observer().decorate(make_sim_backend(*this)));
    loop->set_default_executor(make_sim_executor(*this));
    loop->set_exception_handler(
        [this](event_loop&, const exception_context& c) { world.report(*this, c); });
    idle = false;
    return *loop;
}

void sim_host::start() {
    if (is_up())
        throw std::runtime_error("asyncio: host '" + name +
                                 "' runs a process already; kill it first, or wait for its end");
    if (!make_main)
        throw std::runtime_error("asyncio: host '" + name +
                                 "' has no process to restart; start one with run()");
    if (std::exchange(is_off, false)) world.network.machine_returned();
    event_loop& l = boot();
    const running_loop_scope on_the_loop(&l);
    main = make_task(l, process(*this), {.name = "main"}, {});
}

void sim_host::halt() noexcept {
    if (!is_up()) return;
    {
        const sim_resume program;
        // What destructors report belongs to the run: after a failure it is only its consequence.
        const running_loop_scope scope(world.failed() || is_dying ? loop.get() : nullptr);
        loop->close();
    }
    const sim_pause own;
    if (const std::size_t n = world.network.open_count(*this); n > 0 && !is_dying)
        world.descriptors_were_left(n, world.network.open_text(*this));
    if (is_off)
        world.network.machine_vanished(*this);
    else
        world.network.process_ended(*this);
    {
        const sim_resume program;
        main = {};
        loop.reset();
    }
    idle = true;
}

void sim_host::kill(bool power_off) {
    if (is_up() && loop->is_running()) {
        // It kills itself: once its round is over.
        world.schedule(std::chrono::nanoseconds(0),
                       make_sim_event([this, power_off] { kill(power_off); }));
        return;
    }
    const testing::fault f = power_off ? testing::fault::power_off : testing::fault::kill;
    world.network.faults.want(f);
    if (!is_up()) return;
    world.network.faults.happened(f);
    is_dying = true;
    is_off = power_off;
    if (power_off) world.network.machine_vanished(*this);
    halt();
    is_dying = false;
    (void)tell_ended(nullptr);
}

bool sim_host::tell_ended(const std::exception_ptr& error) {
    const bool anybody = !joiners.empty();
    for (const future<>& f : std::exchange(joiners, {})) {
        if (f.done()) continue;
        if (error)
            f.set_exception(error);
        else
            f.set_result();
    }
    return anybody;
}

time_point sim_host::now() const noexcept { return world.now(); }

delay sim_host::until_next_timer() const noexcept {
    if (!is_up() || loop->timers.empty()) return delay::forever();
    const auto left = loop->timers.next() - now();
    return left.count() > 0 ? delay(left) : delay(std::chrono::nanoseconds(0));
}

bool sim_host::runnable() const noexcept {
    if (!is_up()) return false;
    return !idle || !loop->ready.empty() || world.network.has_news(*this) ||
           until_next_timer().nanoseconds().count() == 0;
}

void sim_host::round() {
    ran_in_round = 0;
    idle = false;
    const sim_resume program;
    loop->stop();  // after one round
    loop->run_forever();
}

}  // namespace asyncio::detail
