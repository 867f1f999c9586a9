#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include "asyncio/testing/everywhere.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include "testing/allocations.hpp"
#include "testing/everywhere_points.hpp"
#include "testing/progress.hpp"
#include "testing/replay.hpp"

namespace asyncio::detail {

using testing::everywhere_failed;
using testing::everywhere_options;
using testing::everywhere_report;

namespace {

template <class Error>
bool is_a(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const Error&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Is every error in it one that `accepted` takes? A group is what its members are.
bool all_are(const std::exception_ptr& e, bool (*accepted)(const std::exception_ptr&)) {
    try {
        std::rethrow_exception(e);
    } catch (const exception_group& group) {
        for (const std::exception_ptr& member : group.exceptions())
            if (!all_are(member, accepted)) return false;
        return true;
    } catch (...) {
        return accepted(std::current_exception());
    }
}

bool is_out_of_memory(const std::exception_ptr& e) {
    if (as_cancelled(e) != nullptr || is_a<std::bad_alloc>(e)) return true;
    try {
        std::rethrow_exception(e);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::not_enough_memory;
    } catch (...) {
        return false;
    }
}

bool is_call_error(const std::exception_ptr& e) {
    return as_cancelled(e) != nullptr || is_a<std::system_error>(e) || is_a<timeout_error>(e) ||
           is_a<incomplete_read_error>(e);
}

bool is_cancel(const std::exception_ptr& e) { return as_cancelled(e) != nullptr; }

/// What is being tried, for a program that ends the process.
const std::string* being_tried = nullptr;

void tell_and_abort() {
    if (being_tried != nullptr)
        std::fprintf(stderr, "asyncio: std::terminate was called: %s\n", being_tried->c_str());
    std::abort();
}

class terminate_scope {
   public:
    explicit terminate_scope(const std::string& what) noexcept
        : before_(std::set_terminate(&tell_and_abort)) {
        being_tried = &what;
    }
    terminate_scope(const terminate_scope&) = delete;
    terminate_scope& operator=(const terminate_scope&) = delete;
    ~terminate_scope() {
        being_tried = nullptr;
        std::set_terminate(before_);
    }

   private:
    std::terminate_handler before_;
};

struct what_is_left {
    std::size_t blocks = 0;
    std::size_t bytes = 0;
    std::uint64_t oldest = 0;
    std::size_t descriptors = 0;
};

class everywhere_driver {
   public:
    everywhere_driver(everywhere what, sim_program& program, function<void()> check,
                      const everywhere_options& options)
        : what_(what), program_(program), check_(std::move(check)), options_(options) {
        options_.each.quiet = true;
        options_.each.report = nullptr;
    }

    everywhere_report run() {
        const sim_pause own;
        everywhere_report report;
        const auto counting = make_points(what_, options_.target);
        {
            // The first run makes what programs make once.
            auto warm_up = make_points(what_, options_.target);
            (void)attempt(*warm_up, 0);
        }
        const attempt_result undisturbed = attempt(*counting, 0);
        if (undisturbed.failed)
            throw everywhere_failed(
                "asyncio: " + name() +
                ": the program fails by itself, undisturbed: " + undisturbed.error);
        check_undisturbed(*counting, undisturbed);
        options_.each.step_limit = std::min(options_.each.step_limit, most_steps(undisturbed));
        report.points =
            what_ == everywhere::allocation ? undisturbed.allocations : counting->points();
        const std::uint64_t tries =
            what_ == everywhere::allocation ? report.points : counting->tries();
        const std::uint64_t step = options_.max_runs == 0 || tries <= options_.max_runs
                                       ? 1
                                       : (tries + options_.max_runs - 1) / options_.max_runs;
        progress_bar bar(name(), tries);
        for (std::uint64_t n = 1; n <= tries; n += step) {
            bar.show(n);
            try_one(*counting, n, report);
        }
        return report;
    }

   private:
    struct attempt_result {
        bool failed = false;
        bool accepted = false;
        std::string error;
        what_is_left left;
        std::uint64_t allocations = 0;
        std::uint64_t steps = 0;
        std::string told;  ///< where it was disturbed
        bool reached = false;
    };

    /// What takes so many more steps than the undisturbed run does hangs.
    [[nodiscard]] static std::uint64_t most_steps(const attempt_result& undisturbed) {
        return 10'000 + 100 * undisturbed.steps;
    }

    [[nodiscard]] std::string name() const {
        switch (what_) {
            case everywhere::cancel:
                return "cancel_everywhere";
            case everywhere::allocation:
                return "fail_every_allocation";
            case everywhere::call:
                break;
        }
        return "fail_every_call";
    }

    attempt_result attempt(everywhere_points& points, std::uint64_t n, std::uint64_t watch = 0) {
        attempt_result r;
        points.choose(n);
        sim_settings settings;
        settings.observer = &points;
        sim_faults faults;
        settings.faults = &faults;
        settings.keep_reports = what_ != everywhere::cancel;
        {
            allocation_tracker tracker(what_ == everywhere::allocation ? n : 0);
            tracker.watch(watch);
            sim_outcome o = run_once(program_, options_.each, settings);
            program_.forget();
            r.reached = points.disturbed() ||
                        (what_ == everywhere::allocation && n > 0 && tracker.made() >= n);
            r.steps = o.report.steps;
            classify(std::move(o.error), r);
            r.allocations = tracker.made();
            r.left = {tracker.left(), tracker.bytes_left(), tracker.oldest_left(),
                      points.descriptors_left()};
            if (watch != 0)
                r.told = tracker.place();
            else if (what_ == everywhere::allocation)
                r.told = "  it was made at\n" + tracker.place();
        }
        if (what_ != everywhere::allocation && watch == 0) r.told = points.told();
        return r;
    }

    /// Takes what the program threw, which may hold allocations of its own: what remains is a text.
    void classify(std::exception_ptr error, attempt_result& r) const {
        if (!error) return;
        r.failed = true;
        r.error = describe(error);
        if (is_a<testing::simulation_error>(error)) return;
        switch (what_) {
            case everywhere::cancel:
                r.accepted = all_are(error, is_cancel);
                break;
            case everywhere::allocation:
                r.accepted = all_are(error, is_out_of_memory);
                break;
            case everywhere::call:
                r.accepted = all_are(error, is_call_error);
                break;
        }
        r.accepted = r.accepted || options_.any_error;
    }

    /// What the second run leaves behind, each run does.
    void check_undisturbed(everywhere_points& points, const attempt_result& r) {
        if (r.left.descriptors > 0)
            throw everywhere_failed("asyncio: " + name() +
                                    ": the program leaves descriptors open, undisturbed:\n" +
                                    points.descriptors_text());
        if (r.left.blocks == 0) return;
        const attempt_result again = attempt(points, 0);
        if (again.left.blocks == 0) return;
        const attempt_result watched = attempt(points, 0, again.left.oldest);
        throw everywhere_failed("asyncio: " + name() +
                                ": the program leaks, undisturbed: " + leak_text(again, watched));
    }

    static std::string leak_text(const attempt_result& r, const attempt_result& watched) {
        return std::to_string(r.left.blocks) + " allocations (" + std::to_string(r.left.bytes) +
               " bytes) were never freed; the oldest was made at\n" + watched.told;
    }

    void try_one(everywhere_points& points, std::uint64_t n, everywhere_report& report) {
        const std::string doing =
            name() + ": " + points.describe_try(n) + " (number " + std::to_string(n) + ")";
        const terminate_scope scope(doing);
        const attempt_result r = attempt(points, n);
        ++report.runs;
        if (r.failed && !r.accepted) fail(doing, r, r.error);
        if (r.failed)
            ++report.ended_with_error;
        else
            ++report.ended_well;
        check_left(points, n, doing, r);
        try {
            const sim_resume programs_own;
            check_();
        } catch (...) {
            fail(doing, r, "the check says: " + describe(std::current_exception()));
        }
    }

    void check_left(everywhere_points& points, std::uint64_t n, const std::string& doing,
                    const attempt_result& r) {
        if (r.left.descriptors > 0)
            fail(doing, r,
                 std::to_string(r.left.descriptors) + " descriptors were left open:\n" +
                     points.descriptors_text());
        if (r.left.blocks == 0) return;
        // What is made once, when it is first needed, is no leak: that run would not leak again.
        const attempt_result again = attempt(points, n);
        if (again.left.blocks == 0) return;
        const attempt_result watched = attempt(points, n, again.left.oldest);
        fail(doing, r, leak_text(again, watched));
    }

    [[noreturn]] void fail(const std::string& doing, const attempt_result& r,
                           const std::string& problem) {
        std::string text = "asyncio: " + doing + "\n" + r.told + "  then: " + problem;
        if (text.back() != '\n') text += '\n';
        text += "  run it again: " + replay_command(options_.each.seed) + "\n";
        throw everywhere_failed(text);
    }

    everywhere what_;
    sim_program& program_;
    function<void()> check_;
    everywhere_options options_;
};

}  // namespace

everywhere_report run_everywhere(everywhere what, sim_program& program, function<void()> check,
                                 const everywhere_options& options) {
    everywhere_options with_seed = options;
    if (const auto seed = seed_from_environment()) with_seed.each.seed = *seed;
    return everywhere_driver(what, program, std::move(check), with_seed).run();
}

}  // namespace asyncio::detail
