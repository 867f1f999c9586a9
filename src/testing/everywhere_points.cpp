#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include "testing/everywhere_points.hpp"

#include "asyncio/base/exceptions.hpp"

namespace asyncio::detail {

using testing::cancel_target;

void everywhere_points::run_ended(const sim_world& world) {
    descriptors_left_ = world.open_descriptors();
    descriptors_text_ = descriptors_left_ > 0 ? world.descriptors_text() : std::string();
}

namespace {

/// A task can be cancelled before each of its steps, and after each that suspends it; once, or
/// again at its next suspension.
class cancel_points final : public everywhere_points {
   public:
    explicit cancel_points(cancel_target target) noexcept : target_(target) {}

    void choose(std::uint64_t n) override {
        if (n != 0) {
            wanted_ = (n + 1) / 2;
            twice_ = n % 2 == 0;
        } else {
            wanted_ = 0;
        }
        seen_ = 0;
        victim_ = {};
        told_.clear();
    }
    std::uint64_t points() const override { return points_; }
    std::uint64_t tries() const override { return 2 * points_; }
    bool disturbed() const override { return !told_.empty(); }
    std::string told() const override { return told_; }
    std::string describe_try(std::uint64_t n) const override {
        const std::string target = target_ == cancel_target::main_task ? "the main task" : "a task";
        return target + " was cancelled at point " + std::to_string((n + 1) / 2) + " of " +
               std::to_string(points_) + (n % 2 == 0 ? ", and again at its next suspension" : "");
    }

    void step_begins(sim_host& host, task_state_base* t) override {
        begun_ = {};
        if (t == nullptr || !is_target(host, *t)) return;
        begun_ = {&host, t->number()};
        if (++seen_ == wanted_) cancel(host, *t, "just before it runs on");
    }
    void step_ended(sim_host& host, const task_state_base*) override {
        task_state_base* const t = find(host, begun_);
        begun_ = {};
        if (t == nullptr) return;
        if (victim_ == task_id{&host, t->number()}) {
            victim_ = {};
            twice_ = false;
            cancel(host, *t, "again, where it is suspended next");
        }
        if (++seen_ == wanted_) cancel(host, *t, "where it is suspended");
    }
    void run_ended(const sim_world& world) override {
        everywhere_points::run_ended(world);
        if (wanted_ == 0) points_ = seen_;
    }

   private:
    /// A task that may have ended. Not its address, which another one may have by now.
    struct task_id {
        const sim_host* host = nullptr;
        std::uint64_t number = 0;
        bool operator==(const task_id&) const noexcept = default;
    };
    [[nodiscard]] bool is_target(const sim_host& host, const task_state_base& t) const noexcept {
        return target_ == cancel_target::every_task ||
               (host.index == 0 && host.main.state().get() == &t);
    }
    /// Null: it has ended.
    static task_state_base* find(const sim_host& host, const task_id& wanted) noexcept {
        if (wanted.host != &host || !host.is_up()) return nullptr;
        for (task_link& link : host.loop->tasks) {
            auto& t = static_cast<task_state_base&>(link);
            if (t.number() == wanted.number) return &t;
        }
        return nullptr;
    }
    void cancel(const sim_host& host, task_state_base& t, const char* where) {
        told_ += "  task " + name_in(host.world, host, t) + " is cancelled " + where + "\n" +
                 await_chain(t, "      ");
        if (twice_) victim_ = {&host, t.number()};
        const cancel_ref why = make_cancel("cancel_everywhere", cancel_kind::explicit_request, {},
                                           std::source_location::current());
        const sim_resume programs_own;
        t.cancel(why);
    }

    cancel_target target_;
    std::uint64_t points_ = 0;
    std::uint64_t wanted_ = 0;
    bool twice_ = false;
    std::uint64_t seen_ = 0;
    task_id begun_;
    task_id victim_;
    std::string told_;
};

class allocation_points final : public everywhere_points {
   public:
    void choose(std::uint64_t) override {}
    std::string describe_try(std::uint64_t n) const override {
        return "allocation " + std::to_string(n) + " failed";
    }
};

}  // namespace

std::unique_ptr<everywhere_points> make_points(everywhere what, cancel_target target) {
    switch (what) {
        case everywhere::cancel:
            return std::make_unique<cancel_points>(target);
        case everywhere::allocation:
            return std::make_unique<allocation_points>();
        case everywhere::call:
            break;
    }
    return make_call_points();
}

}  // namespace asyncio::detail
