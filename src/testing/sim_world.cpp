#include "testing/sim_world.hpp"

#include <algorithm>
#include <utility>

#include "asyncio/executor/executor.hpp"
#include "testing/call_stack.hpp"

namespace asyncio::detail {

using testing::simulation_error;

ASYNCIO_THREAD_LOCAL unsigned sim_own_code = 0;

namespace {

ASYNCIO_THREAD_LOCAL sim_world* world_of_thread = nullptr;

/// So often the hosts may have turns while the clock stands still; then each turn takes a
/// microsecond, so that a program that polls the clock comes to an end.
constexpr std::uint64_t turns_in_no_time = 10'000;

/// How long tasks may take to end once they were cancelled.
constexpr auto longest_ending = std::chrono::hours(1);

bool is_late(testing::scheduling s) noexcept { return s == testing::scheduling::timer_jitter; }

}  // namespace

sim_world* running_world() noexcept { return world_of_thread; }

// ---- the world ----

sim_world::sim_world(const testing::simulate_options& options, const sim_settings& settings)
    : options_(options),
      settings_(settings),
      network(*this, options.network),
      program_random(options.seed, 0x9406),
      executor_random(options.seed, 0xe8ec),
      observer_(settings.observer != nullptr ? settings.observer : &quiet_observer_),
      scheduler_(options.seed, options.strategy, options.replay),
      outer_(world_of_thread) {
    if (outer_ != nullptr)
        throw std::runtime_error(
            "asyncio: simulate() was called inside a simulation; inside a coroutine write "
            "co_await");
    if (running_loop != nullptr)
        throw std::runtime_error(
            "asyncio: simulate() was called while an event loop runs in this thread; call it "
            "instead of asyncio::run(), outside of coroutines");
    world_of_thread = this;
    hosts_.push_back(std::make_unique<sim_host>(*this, 0, "main"));
}

sim_world::~sim_world() {
    close_hosts();
    world_of_thread = outer_;
}

void sim_world::run(sim_program& program) {
    const sim_pause own;
    std::exception_ptr error;
    try {
        error = run_main(program);
        end_tasks();
    } catch (...) {
        if (!error) error = std::current_exception();
    }
    closing_ = error != nullptr;
    close_hosts();
    events_.clear();
    observer_->run_ended(*this);
    if (settings_.faults != nullptr) settings_.faults->add(network.faults);
    if (error) std::rethrow_exception(error);
    check_reports();
    if (settings_.faults == nullptr) check_faults(network.faults, "this run");
}

std::exception_ptr sim_world::run_main(sim_program& program) {
    sim_host& host = *hosts_.front();
    event_loop& loop = host.boot();
    {
        const sim_resume programs_own;
        const running_loop_scope on_the_loop(&loop);
        host.main = program.start(loop);
    }
    while (!host.main.done()) turn();
    const auto& state = host.main.state();
    return state->status == future_status::value ? nullptr : state->error_or_cancel();
}

void sim_world::turn() {
    check_limits();
    std::vector<sim_host*> could_run;
    for (std::size_t i = 1; i <= hosts_.size(); ++i) {
        sim_host& host = *hosts_[(last_host_ + i) % hosts_.size()];
        if (host.runnable()) could_run.push_back(&host);
    }
    if (could_run.empty()) {
        advance();
        return;
    }
    sim_host& host = *could_run[scheduler_.pick_host(could_run.size())];
    last_host_ = host.index;
    host.round();
    step_ended(host);
    if (host.index != 0 && host.is_up() && host.main.done()) process_ended(host);
    if (host.ran_in_round > 0) {
        for (const auto& h : hosts_) h->idle = false;  // it may have posted to any of them
    } else if (host.is_up() && host.loop->ready.empty()) {
        host.idle = true;
    }
    if (++rounds_at_once_ > turns_in_no_time) jump_to(now_ + std::chrono::microseconds(1));
}

void sim_world::process_ended(sim_host& host) {
    const auto& state = host.main.state();
    const std::exception_ptr error =
        state->status == future_status::value ? nullptr : state->error_or_cancel();
    host.halt();
    // A process that the end of the simulation has cancelled has not failed.
    const bool was_ended = ending_ && as_cancelled(error) != nullptr;
    if (!host.tell_ended(was_ended ? nullptr : error) && error && !was_ended)
        throw simulation_error("asyncio: the process of host '" + host.name +
                               "' failed: " + describe(error));
}

void sim_world::descriptors_were_left(std::size_t n, const std::string& text) {
    if (closing_) return;
    descriptors_left_ += n;
    descriptors_text_ += text;
}

sim_host& sim_world::host_named(std::string_view name) {
    for (const auto& h : hosts_)
        if (h->name == name) return *h;
    if (name.empty()) throw std::invalid_argument("asyncio: a host of a simulation needs a name");
    if (hosts_.size() == 250)
        throw std::invalid_argument("asyncio: a simulation has at most 250 hosts");
    hosts_.push_back(std::make_unique<sim_host>(*this, hosts_.size(), name));
    return *hosts_.back();
}

void sim_world::advance() {
    delay next = events_.empty() ? delay::forever() : delay(events_.front().when - now_);
    for (const auto& host : hosts_) {
        const delay timer = host->until_next_timer();
        if (timer.nanoseconds() < next.nanoseconds()) next = timer;
    }
    if (next.is_forever())
        throw testing::deadlock_error(
            "asyncio: deadlock after " + seconds_text(elapsed()) +
            ": nothing is ready, no timer is armed, and nothing outside could wake this program\n" +
            wait_graph(*this));
    std::int64_t limit = options_.timer_jitter.nanoseconds().count();
    if (limit == 0 && is_late(scheduler_.strategy())) limit = next.nanoseconds().count() / 10;
    const auto late = scheduler_.lateness(limit > 0 ? static_cast<std::uint64_t>(limit) : 0);
    jump_to(next.after(now_) + std::chrono::nanoseconds(late));
    rounds_at_once_ = 0;
}

void sim_world::jump_to(time_point when) {
    now_ = when;
    note(static_cast<std::uint64_t>(when.time_since_epoch().count()));
    while (!events_.empty() && events_.front().when <= now_) {
        std::pop_heap(events_.begin(), events_.end());
        const auto event = std::move(events_.back().event);
        events_.pop_back();
        event->happen();
    }
}

void sim_world::schedule(std::chrono::nanoseconds after, std::unique_ptr<sim_event> e) {
    events_.push_back({now_ + after, ++events_made_, std::move(e)});
    std::push_heap(events_.begin(), events_.end());
}

void sim_world::simulation_was_left(std::string_view what) noexcept {
    const sim_pause own;
    if (!left_simulation_.empty()) return;
    left_simulation_ = "asyncio: the program " + std::string(what) + "\n";
    if (running_loop != nullptr && running_loop->current_task != nullptr)
        left_simulation_ += "  in " + running_loop->current_task->describe() + "\n" +
                            await_chain(*running_loop->current_task, "      ");
    left_simulation_ += "  called from\n" + calls_text(current_calls(), 6);
}

void sim_world::check_limits() {
    if (!left_simulation_.empty()) throw simulation_error(left_simulation_);
    if (steps_ > options_.step_limit)
        throw testing::time_limit_error(
            "asyncio: the simulation was not over after " + std::to_string(options_.step_limit) +
            " steps (simulate_options::step_limit) and " + seconds_text(elapsed()) +
            " of virtual time; it waits for:\n" + wait_graph(*this));
    if (elapsed() > options_.time_limit.nanoseconds())
        throw testing::time_limit_error(
            "asyncio: the simulation was not over after " +
            seconds_text(options_.time_limit.nanoseconds()) +
            " of virtual time (simulate_options::time_limit); it waits for:\n" + wait_graph(*this));
}

std::vector<task<>> sim_world::tasks_left() const {
    std::vector<task<>> left;
    for (const auto& host : hosts_) {
        if (!host->is_up()) continue;
        for (const task<>& t : all_tasks(host->loop.get())) left.push_back(t);
    }
    return left;
}

void sim_world::end_tasks() {
    ending_ = true;
    const time_point since = now_;
    // Those that end may start others: a server has accepted what came meanwhile.
    for (auto left = tasks_left(); !left.empty(); left = tasks_left()) end_tasks(left, since);
    for (const auto& host : hosts_) {
        if (!host->is_up()) continue;
        const sim_resume programs_own;
        (void)host->loop->shutdown_default_executor(std::chrono::nanoseconds(0));
    }
}

void sim_world::end_tasks(const std::vector<task<>>& left, time_point since) {
    const auto why = make_cancel("the run is ending", cancel_kind::shutdown, {},
                                 std::source_location::current());
    {
        const sim_resume programs_own;
        for (const task<>& t : left) t.state()->cancel(why);
    }
    const auto did_not_end = [&] {
        return simulation_error(
            "asyncio: the main task is done, but these tasks did not end when they were "
            "cancelled:\n" +
            wait_graph(*this));
    };
    for (const task<>& t : left) {
        while (!t.done()) {
            try {
                turn();
            } catch (const testing::deadlock_error&) {
                throw did_not_end();
            }
            if (now_ - since > longest_ending) throw did_not_end();
        }
        if (t.cancelled()) continue;
        if (std::exception_ptr e = t.exception())
            t.get_loop().call_exception_handler(
                {.message = "unhandled exception during the shutdown of the run",
                 .exception = e,
                 .task_name = t.get_name(),
                 .details = {}});
    }
}

void sim_world::close_hosts() noexcept {
    for (const auto& host : hosts_) host->halt();
}

// ---- what backends ask ----

std::size_t sim_world::pick(sim_host& host) {
    const sim_pause own;
    step_ended(host);
    const ready_queue& ready = host.loop->ready;
    const std::size_t index = scheduler_.pick(ready, host.index);
    ready_node& node = node_at(ready, index);
    task_state_base* t = task_behind(node);
    ++steps_;
    ++host.ran_in_round;
    note((host.index << 32) ^ (t != nullptr ? t->number() : 0));
    if (settings_.steps != nullptr)
        settings_.steps->push_back({now_, host.index, t != nullptr ? t->number() : 0, hash_});
    if (settings_.log != nullptr) log_step(host, node, index);
    last_task_ = t;
    step_open_ = true;
    observer_->step_begins(host, t);
    return index;
}

void sim_world::poll(sim_host& host) {
    const sim_pause own;
    step_ended(host);
    network.tell(host);
}

void sim_world::step_ended(sim_host& host) {
    if (std::exchange(step_open_, false)) observer_->step_ended(host, last_task_);
}

void sim_world::log_step(const sim_host& host, ready_node& n, std::size_t index) {
    const auto text_of = [&](ready_node& node) {
        const task_state_base* t = task_behind(node);
        if (t == nullptr) return std::string("a callback");
        return name_in(*this, host, *t) + " at " + innermost_await(*t);
    };
    std::string line = (index == 0 ? "   " : " * ") + seconds_text(elapsed()) + "  " + text_of(n);
    if (index != 0) {
        line += "\n       overtakes " + text_of(host.loop->ready.front());
        if (index > 1) line += " and " + std::to_string(index - 1) + " more";
        if (const task_state_base* t = task_behind(n)) line += "\n" + await_chain(*t, "       ");
        if (line.back() == '\n') line.pop_back();
    }
    settings_.log->push_back(std::move(line));
}

void sim_world::report(const sim_host& host, const exception_context& context) {
    const sim_pause own;
    if (closing_ || host.is_dying) return;
    std::string text = context.message;
    if (hosts_.size() > 1) text += "\n  host: " + host.name;
    if (!context.task_name.empty()) text += "\n  task: " + context.task_name;
    if (context.exception) text += "\n  exception: " + describe(context.exception);
    if (!context.details.empty()) text += "\n" + context.details;
    reports_.push_back(std::move(text));
}

void sim_world::check_reports() {
    if (!left_simulation_.empty()) throw simulation_error(left_simulation_);
    if (reports_.empty() || settings_.keep_reports) return;
    std::string text =
        "asyncio: the main task ended well, but the loop's exception handler was told";
    if (reports_.size() > 1)
        text += " of " + std::to_string(reports_.size()) + " errors; the first";
    text += ": " + reports_.front();
    throw simulation_error(text);
}

void sim_world::fill(testing::simulation_report& r) const {
    r.seed = options_.seed;
    r.strategy = scheduler_.strategy();
    r.trace_hash = hash_;
    r.steps = steps_;
    r.elapsed = elapsed();
    for (std::size_t i = 0; i < testing::fault_kinds; ++i)
        r.faults[i] = network.faults.count(static_cast<testing::fault>(i));
    r.decisions = testing::trace(options_.seed, scheduler_.strategy(), scheduler_.taken());
}

}  // namespace asyncio::detail
