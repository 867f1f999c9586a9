// The simulated world: hosts, each with a loop of its own, on one clock, with one seed.
//
//      world.run --> whose turn is it? --> host.round --> one turn of its loop
//          |                                  its backend asks the world: who is next, what
//          arrived?
//          `-- nobody's: the clock jumps to the next deadline or event; none: deadlock
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "asyncio/testing/simulate.hpp"
#include "testing/sim_faults.hpp"
#include "testing/sim_network.hpp"
#include "testing/sim_probe.hpp"
#include "testing/sim_random.hpp"
#include "testing/sim_scheduler.hpp"

namespace asyncio::detail {

class sim_world;

/// What happens at a moment of the simulation's clock.
class sim_event {
   public:
    sim_event() = default;
    sim_event(const sim_event&) = delete;
    sim_event& operator=(const sim_event&) = delete;
    virtual ~sim_event() = default;
    virtual void happen() = 0;
};

/// An event that calls f.
template <class F>
std::unique_ptr<sim_event> make_sim_event(F f) {
    class calling final : public sim_event {
       public:
        explicit calling(F&& g) : f_(std::move(g)) {}
        void happen() override { f_(); }

       private:
        F f_;
    };
    return std::make_unique<calling>(std::move(f));
}

/// A process: a loop with its main task, over the world.
class sim_host {
   public:
    sim_host(sim_world& world, std::uint64_t index, std::string_view name);
    sim_host(const sim_host&) = delete;
    sim_host& operator=(const sim_host&) = delete;
    ~sim_host();

    /// Makes the loop; its main task comes next.
    event_loop& boot();
    [[nodiscard]] bool is_up() const noexcept { return loop != nullptr; }
    /// Could its loop do something at this moment?
    [[nodiscard]] bool runnable() const noexcept;
    /// One turn of the loop. Throws what leaves it.
    void round();
    /// Starts the process that `make_main` makes.
    void start();
    /// Ends the process at once: nothing of it runs any more, its frames are destroyed.
    void halt() noexcept;
    /// The same as a fault: it loses nothing that has to be reported.
    void kill(bool power_off);
    /// Tells those who wait for the end of the process. False: nobody does.
    bool tell_ended(const std::exception_ptr& error);
    /// When its next timer is due, on the world's clock.
    [[nodiscard]] delay until_next_timer() const noexcept;
    [[nodiscard]] time_point now() const noexcept;

    sim_world& world;
    const std::uint64_t index;
    const std::string name;
    const std::string address;
    function<coroutine<>()> make_main;
    std::vector<future<>> joiners;
    bool is_off = false;    ///< powered off
    bool is_dying = false;  ///< what its destructors report is no news
    std::size_t descriptor_limit = static_cast<std::size_t>(-1);
    std::chrono::nanoseconds read_delay{0};
    std::unique_ptr<event_loop> loop;
    task<> main;
    bool idle = true;  ///< its last round did nothing, and nothing has happened since
    std::uint64_t ran_in_round = 0;
};

/// One step that ran.
struct sim_step {
    time_point at;
    std::uint64_t host;
    std::uint64_t task;  ///< 0: a callback
    std::uint64_t hash;  ///< of the run until here
};

/// Looks on, and may interfere: what the "everywhere" drivers are made of.
class sim_observer {
   public:
    sim_observer() = default;
    sim_observer(const sim_observer&) = delete;
    sim_observer& operator=(const sim_observer&) = delete;
    virtual ~sim_observer() = default;
    /// Everything is closed.
    virtual void run_ended(const sim_world& world) { (void)world; }
    /// `t` (null: a callback) is about to run.
    virtual void step_begins(sim_host& host, task_state_base* t) {
        (void)host;
        (void)t;
    }
    /// What began has run. `t` may be gone by now.
    virtual void step_ended(sim_host& host, const task_state_base* t) {
        (void)host;
        (void)t;
    }
    /// Gives the backend that the host's loop is to use.
    virtual std::unique_ptr<backend> decorate(std::unique_ptr<backend> b) { return b; }
};

/// What a run is told beside the user's options.
struct sim_settings {
    sim_observer* observer = nullptr;
    bool keep_reports = false;  ///< what the exception handler is told does not fail the run
    std::vector<sim_step>* steps = nullptr;  ///< filled with every step
    sim_faults* faults = nullptr;  ///< collects the faults instead of asking that all happened
    std::vector<std::string>* log = nullptr;  ///< filled with a line per step
};

class sim_world {
    testing::simulate_options options_;
    sim_settings settings_;

   public:
    sim_world(const testing::simulate_options& options, const sim_settings& settings);
    sim_world(const sim_world&) = delete;
    sim_world& operator=(const sim_world&) = delete;
    ~sim_world();

    /// Runs the program to its end and closes it. Throws what is wrong with it.
    void run(sim_program& program);
    void fill(testing::simulation_report& report) const;

    // What backends ask.
    [[nodiscard]] time_point now() const noexcept { return now_; }
    std::size_t pick(sim_host& host);
    void poll(sim_host& host);

    /// `e` happens after `after`; events of one moment in the order in which they were made.
    void schedule(std::chrono::nanoseconds after, std::unique_ptr<sim_event> e);
    /// The program was reported to have lost something.
    void report(const sim_host& host, const exception_context& context);
    [[nodiscard]] const std::vector<std::unique_ptr<sim_host>>& hosts() const noexcept {
        return hosts_;
    }
    /// The program "has read the system's clock", or done something else that is not simulated.
    void simulation_was_left(std::string_view what) noexcept;
    /// The run has failed, and is being cleared away.
    [[nodiscard]] bool failed() const noexcept { return closing_; }
    sim_observer& observer() noexcept { return *observer_; }
    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return now_ - start; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }
    [[nodiscard]] std::size_t open_descriptors() const noexcept { return descriptors_left_; }
    [[nodiscard]] const std::string& descriptors_text() const noexcept { return descriptors_text_; }
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    /// Into the hash of the run.
    void note(std::uint64_t fact) noexcept { hash_ = sim_random::mix(hash_ ^ fact) + fact; }

    /// The host of that name, made if there is none.
    sim_host& host_named(std::string_view name);
    /// Some sockets were open when their process had ended in order.
    void descriptors_were_left(std::size_t n, const std::string& text);

    sim_network network;
    sim_random program_random;
    sim_random executor_random;
    const testing::simulate_options& options() const noexcept { return options_; }

   private:
    static constexpr time_point start{std::chrono::hours(1000)};
    struct timed_event {
        time_point when;
        std::uint64_t order;
        std::unique_ptr<sim_event> event;
        /// For the heap's order: the later one is less.
        bool operator<(const timed_event& o) const noexcept {
            return when != o.when ? when > o.when : order > o.order;
        }
    };

    [[nodiscard]] std::exception_ptr run_main(sim_program& program);
    void turn();
    void advance();
    void jump_to(time_point when);
    void check_limits();
    void process_ended(sim_host& host);
    [[nodiscard]] std::vector<task<>> tasks_left() const;
    void end_tasks();
    /// Cancels these and runs until they are done.
    void end_tasks(const std::vector<task<>>& left, time_point since);
    void close_hosts() noexcept;
    void check_reports();
    void step_ended(sim_host& host);
    void log_step(const sim_host& host, ready_node& n, std::size_t index);

    sim_observer quiet_observer_;
    sim_observer* observer_;
    sim_scheduler scheduler_;
    time_point now_ = start;
    std::uint64_t hash_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t events_made_ = 0;
    std::uint64_t rounds_at_once_ = 0;  ///< without the clock having moved
    std::vector<timed_event> events_;   ///< a heap
    std::vector<std::unique_ptr<sim_host>> hosts_;
    std::size_t last_host_ = 0;
    const task_state_base* last_task_ = nullptr;
    bool step_open_ = false;
    bool ending_ = false;  ///< the main task is done, what is left is being cancelled
    bool closing_ = false;
    std::vector<std::string> reports_;
    std::string left_simulation_;  ///< who, and where
    std::size_t descriptors_left_ = 0;
    std::string descriptors_text_;
    sim_world* outer_;
};

/// The world that this thread runs, or null.
[[nodiscard]] sim_world* running_world() noexcept;

/// How a run ended.
struct sim_outcome {
    std::exception_ptr error;  ///< null: well
    testing::simulation_report report;
};

/// Runs the program once, and lets go of its result unless `keep`.
[[nodiscard]] sim_outcome run_once(sim_program& program, const testing::simulate_options& options,
                                   const sim_settings& settings);

[[nodiscard]] std::unique_ptr<backend> make_sim_backend(sim_host& host);
[[nodiscard]] std::unique_ptr<executor> make_sim_executor(sim_host& host);

// Reports.

/// "'main' on host 'a'", or "'main'" if there is one host.
[[nodiscard]] std::string name_in(const sim_world& world, const sim_host& host,
                                  const task_state_base& t);
/// The awaits of a task, innermost last, a line each, without the library's own.
[[nodiscard]] std::string await_chain(const task_state_base& t, std::string_view indent);
/// The innermost await: "file:line in function".
[[nodiscard]] std::string innermost_await(const task_state_base& t);
/// Every task with its awaits and what it waits for, and the cycles.
[[nodiscard]] std::string wait_graph(const sim_world& world);
/// "1.500 s".
[[nodiscard]] std::string seconds_text(std::chrono::nanoseconds t);

}  // namespace asyncio::detail
