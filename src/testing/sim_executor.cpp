// The executor of a simulation: a function runs on the loop's thread, all at once, at a random
// moment of the virtual time.
#include <stdexcept>
#include <vector>

#include "asyncio/executor/executor.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

/// What a function sees that runs in a thread: no loop.
class no_running_loop {
   public:
    no_running_loop() noexcept : before_(std::exchange(running_loop, nullptr)) {}
    no_running_loop(const no_running_loop&) = delete;
    no_running_loop& operator=(const no_running_loop&) = delete;
    ~no_running_loop() { running_loop = before_; }

   private:
    loop_core* before_;
};

class sim_executor final : public executor {
   public:
    explicit sim_executor(sim_host& host) noexcept : host_(host) {}

    void execute(executor_job job) override {
        if (shut_down_)
            throw std::runtime_error("asyncio: this executor has been shut down: it takes no jobs");
        const auto longest = host_.world.options().executor_delay.nanoseconds().count();
        const std::uint64_t after = host_.world.executor_random.below(
            longest > 0 ? static_cast<std::uint64_t>(longest) + 1 : 1);
        auto run = [](executor_job& j) {
            const no_running_loop in_a_thread;
            j();
        };
        host_.loop->call_later(std::chrono::nanoseconds(after), run, std::move(job));
    }
    std::size_t shutdown(executor_shutdown_options) override {
        shut_down_ = true;
        return 0;  // what waits for its moment is dropped with its loop
    }

   private:
    sim_host& host_;
    bool shut_down_ = false;
};

}  // namespace

std::unique_ptr<executor> make_sim_executor(sim_host& host) {
    return std::make_unique<sim_executor>(host);
}

}  // namespace asyncio::detail
