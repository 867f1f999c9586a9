// The executor of a simulation: a function runs on the loop's thread, all at once, at a random
// moment of the virtual time.
#include <stdexcept>
#include <vector>

#include "asyncio/executor/executor.hpp"
#include "testing/sim_probe.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

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
            const running_loop_scope in_a_thread(nullptr);
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
