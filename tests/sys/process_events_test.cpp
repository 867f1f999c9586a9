// Signals and fork.
#include "sys/process_events.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace process_events_test {

using namespace asyncio::detail;

class process_events : public ::testing::Test {
   protected:
    std::unique_ptr<backend> outside_ = make_epoll_backend();
    std::atomic<bool> arrived_{false};
};

TEST_F(process_events, a_watched_signal_arrives) {
    EXPECT_TRUE(signal_is_default(SIGUSR1));
    ASSERT_EQ(watch_signal(SIGUSR1, arrived_, *outside_), 0);
    EXPECT_FALSE(signal_is_default(SIGUSR1));
    EXPECT_FALSE(take_signal(SIGUSR1));
    ::raise(SIGUSR1);
    ::raise(SIGUSR1);
    EXPECT_TRUE(arrived_);
    EXPECT_TRUE(take_signal(SIGUSR1));  // once per batch
    EXPECT_FALSE(take_signal(SIGUSR1));
    outside_->poll(asyncio::delay::forever());  // it was woken
    unwatch_signal(SIGUSR1);
    EXPECT_TRUE(signal_is_default(SIGUSR1));
}

TEST_F(process_events, a_signal_has_one_owner) {
    const auto other = make_epoll_backend();
    ASSERT_EQ(watch_signal(SIGUSR1, arrived_, *outside_), 0);
    EXPECT_EQ(watch_signal(SIGUSR1, arrived_, *outside_), 0);
    EXPECT_EQ(watch_signal(SIGUSR1, arrived_, *other), EBUSY);
    unwatch_signal(SIGUSR1);
    EXPECT_EQ(watch_signal(SIGUSR1, arrived_, *other), 0);
    unwatch_signal(SIGUSR1);
}

TEST_F(process_events, refuses_what_is_no_signal) {
    EXPECT_EQ(watch_signal(0, arrived_, *outside_), EINVAL);
    EXPECT_EQ(watch_signal(-3, arrived_, *outside_), EINVAL);
    EXPECT_EQ(watch_signal(65, arrived_, *outside_), EINVAL);
    EXPECT_EQ(watch_signal(SIGKILL, arrived_, *outside_), EINVAL);
    EXPECT_EQ(watch_signal(SIGKILL, arrived_, *outside_), EINVAL);  // it has not become busy
}

TEST_F(process_events, ignored_and_handled_signals_are_not_default) {
    const auto before = ::signal(SIGUSR2, SIG_IGN);
    EXPECT_FALSE(signal_is_default(SIGUSR2));
    ::signal(SIGUSR2, before);
    EXPECT_TRUE(signal_is_default(SIGUSR2));
    EXPECT_FALSE(signal_is_default(-1));
}

TEST_F(process_events, a_second_signal_ends_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            ASSERT_EQ(watch_signal(SIGTERM, arrived_, *outside_), 0);
            end_at_second_signal(SIGTERM);
            ::raise(SIGTERM);
            ::raise(SIGTERM);  // the same request
            if (!arrived_) ::_exit(1);
            const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(40);
            while (std::chrono::steady_clock::now() < end) {
            }
            ::raise(SIGTERM);
            ::_exit(2);
        },
        ::testing::ExitedWithCode(128 + SIGTERM), "asyncio: a second signal: stopped at once");
}

bool in_child = false;

TEST_F(process_events, a_child_is_told) {
    on_fork_child([] { in_child = true; });
    const pid_t child = ::fork();
    if (child == 0) ::_exit(in_child ? 7 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_FALSE(in_child);
}

}  // namespace process_events_test
