// A whole main(): arguments, exit codes, and the last words of a program that failed.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"

namespace run_main_test {

using namespace asyncio;
using namespace std::chrono_literals;

/// argc and argv as main() gets them.
class command_line {
   public:
    command_line(std::initializer_list<const char*> words) {
        for (const char* w : words) words_.emplace_back(w);
        for (std::string& w : words_) argv_.push_back(w.data());
        argv_.push_back(nullptr);
        argc = static_cast<int>(words_.size());
    }
    char** argv() { return argv_.data(); }
    int argc = 0;

   private:
    std::vector<std::string> words_;
    std::vector<char*> argv_;
};

template <class F>
int main_of(std::initializer_list<const char*> words, F f) {
    command_line line(words);
    return run_main(line.argc, line.argv(), f);
}

coroutine<int> gives_three() { co_return 3; }
coroutine<> gives_nothing() { co_await sleep(0s); }
coroutine<int> counts(std::vector<std::string> arguments) {
    co_return static_cast<int>(arguments.size());
}

TEST(run_main, gives_the_exit_code) {
    EXPECT_EQ(main_of({"program"}, gives_three), 3);
    EXPECT_EQ(main_of({"program"}, gives_nothing), 0);
    EXPECT_EQ(main_of({"program", "a", "b"}, counts), 3);
    const int captured = 7;
    EXPECT_EQ(main_of({"program"}, [captured]() -> coroutine<int> { co_return captured; }), 7);
}

TEST(run_main, takes_its_own_options_off_the_arguments) {
    std::vector<std::string> seen;
    bool debug = false;
    const auto main = [&](std::vector<std::string> arguments) -> coroutine<> {
        seen = std::move(arguments);
        debug = get_running_loop().get_debug();
        co_return;
    };
    EXPECT_EQ(main_of({"program", "-X", "dev", "x"}, main), 0);
    EXPECT_EQ(seen, (std::vector<std::string>{"program", "x"}));
    EXPECT_TRUE(debug);
    EXPECT_EQ(main_of({"program", "-Xdev"}, main), 0);
    EXPECT_TRUE(debug);
    EXPECT_EQ(main_of({"program", "-X", "other", "--", "-X", "dev"}, main), 0);
    EXPECT_EQ(seen, (std::vector<std::string>{"program", "-X", "other", "--", "-X", "dev"}));
    EXPECT_FALSE(debug);
}

TEST(take_runtime_options, leaves_a_proper_argv) {
    command_line line({"program", "-X", "dev", "a"});
    const run_options options = take_runtime_options(line.argc, line.argv());
    EXPECT_EQ(options.debug, true);
    EXPECT_EQ(line.argc, 2);
    EXPECT_STREQ(line.argv()[1], "a");
    EXPECT_EQ(line.argv()[2], nullptr);
    command_line none({"program"});
    EXPECT_EQ(take_runtime_options(none.argc, none.argv()).debug, std::nullopt);
    int zero = 0;
    char* empty[] = {nullptr};
    EXPECT_FALSE(take_runtime_options(zero, empty).debug.has_value());
    EXPECT_EQ(zero, 0);
}

coroutine<int> inner_failure(int n) {
    if (n > 0) co_return co_await inner_failure(n - 1);
    co_await sleep(0s);
    throw std::runtime_error("no route");
}
coroutine<int> failing_main() { co_return co_await inner_failure(1); }

TEST(run_main, an_uncaught_error_prints_its_awaits) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(main_of({"program"}, failing_main), 1);
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(text.find("asyncio: the program ended with an uncaught exception\n  exception: "
                        "std::runtime_error: no route\n  await chain (innermost last; lines are of "
                        "the co_awaits):\n"),
              0u)
        << text;
    EXPECT_NE(text.find("run_main_test.cpp:"), std::string::npos);
    EXPECT_LT(text.find("failing_main"), text.find("inner_failure"));
    EXPECT_EQ(text.find("run.hpp"), std::string::npos) << "the library's own frames: " << text;
}

TEST(run_main, fatal_exceptions_and_cancels) {
    const auto exits = []() -> coroutine<> {
        co_await sleep(0s);
        throw system_exit(9);
    };
    EXPECT_EQ(main_of({"program"}, exits), 9);
    const auto interrupted = []() -> coroutine<> {
        co_await sleep(0s);
        throw keyboard_interrupt();
    };
    EXPECT_EQ(main_of({"program"}, interrupted), 130);
    const auto cancelled = []() -> coroutine<> {
        current_task().cancel("enough");
        co_await sleep(0s);
    };
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(main_of({"program"}, cancelled), 1);
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("cancelled: enough"),
              std::string::npos);
}

TEST(run_main, a_task_that_exits_while_the_run_ends) {
    const auto exits_late = []() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            throw system_exit(6);
        }
    };
    const auto main = [exits_late]() -> coroutine<> {
        (void)create_task(exits_late);
        co_await sleep(0s);
    };
    EXPECT_EQ(main_of({"program"}, main), 6);
}

TEST(run_main, null_is_refused) {
    coroutine<int> (*none)() = nullptr;
    EXPECT_THROW(main_of({"program"}, none), std::invalid_argument);
}

TEST(run_main, inside_a_loop_fails_like_any_error) {
    const auto outer = []() -> coroutine<int> { co_return main_of({"program"}, gives_three); };
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(run(outer()), 1);
    EXPECT_NE(::testing::internal::GetCapturedStderr().find(
                  "run() was called while an event loop runs in this thread"),
              std::string::npos);
}

}  // namespace run_main_test
