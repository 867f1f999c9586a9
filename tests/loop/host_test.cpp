// A host with a loop of its own: fileno() and run_ready().
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace host_test {

using namespace asyncio;
using namespace std::chrono_literals;

bool readable(int fd, int milliseconds) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, milliseconds) == 1;
}

class host : public ::testing::Test {
   protected:
    host() { loop_->run_ready(); }
    /// Is the host told that there is something to do?
    [[nodiscard]] bool told() const { return readable(loop_->fileno(), 5000); }
    [[nodiscard]] bool idle() const { return !readable(loop_->fileno(), 0); }
    std::unique_ptr<event_loop> loop_ = new_event_loop();
};

TEST_F(host, run_ready_runs_rounds_until_nothing_is_ready) {
    std::string log;
    loop_->call_soon([&] {
        log += "a";
        loop_->call_soon([&] { log += "b"; });
    });
    EXPECT_TRUE(loop_->run_ready().is_forever());
    EXPECT_EQ(log, "ab");
    EXPECT_TRUE(idle());
    EXPECT_FALSE(loop_->is_running());
}

TEST_F(host, is_told_of_callbacks) {
    EXPECT_TRUE(idle());
    bool ran = false;
    loop_->call_soon([&] { ran = true; });
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_TRUE(ran);
    EXPECT_TRUE(idle());
}

TEST_F(host, is_told_of_other_threads) {
    bool ran = false;
    std::thread other([&] { loop_->call_soon_threadsafe([&] { ran = true; }); });
    EXPECT_TRUE(told());
    other.join();
    loop_->run_ready();
    EXPECT_TRUE(ran);
}

TEST_F(host, is_told_of_what_came_before_it_first_waited) {
    auto loop = new_event_loop();
    std::thread other([&] { loop->call_soon_threadsafe([] {}); });
    other.join();
    loop->call_soon([&] { loop->stop(); });
    loop->run_ready();
    EXPECT_TRUE(loop->ready.empty() || readable(loop->fileno(), 5000));
}

TEST_F(host, is_told_of_a_future_that_it_sets) {
    const auto f = loop_->create_future<int>();
    const auto waiter = [](future<int> awaited) -> coroutine<int> { co_return co_await awaited; };
    const task<int> t = loop_->create_task(waiter, f);
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_TRUE(idle());
    f.set_result(3);
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_EQ(t.result(), 3);
    EXPECT_TRUE(idle());
}

TEST_F(host, is_told_of_a_cancel) {
    const auto f = loop_->create_future<int>();
    const auto waiter = [](future<int> awaited) -> coroutine<int> { co_return co_await awaited; };
    const task<int> t = loop_->create_task(waiter, f);
    loop_->run_ready();
    t.cancel();
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_TRUE(t.cancelled());
}

TEST_F(host, is_told_of_deadlines) {
    int fired = 0;
    loop_->call_later(1h, [&] { ++fired; });
    EXPECT_TRUE(idle());
    loop_->call_later(1ms, [&] { ++fired; });
    EXPECT_TRUE(told());
    const delay left = loop_->run_ready();
    EXPECT_EQ(fired, 1);
    EXPECT_GT(left.nanoseconds(), 59min);
    EXPECT_LE(left.nanoseconds(), 1h);
}

TEST_F(host, is_told_of_deadlines_of_tasks) {
    const auto sleeper = []() -> coroutine<> { co_await sleep(1ms); };
    const task<> t = loop_->create_task(sleeper);
    loop_->run_ready();
    while (!t.done()) {
        EXPECT_TRUE(told());
        loop_->run_ready();
    }
    EXPECT_TRUE(idle());
}

TEST_F(host, is_told_of_descriptors) {
    const int fd = ::eventfd(0, EFD_NONBLOCK);
    int reads = 0;
    loop_->add_reader(fd, [&] {
        std::uint64_t n = 0;
        EXPECT_EQ(::read(fd, &n, sizeof n), 8);
        ++reads;
    });
    EXPECT_TRUE(idle());
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(fd, &one, sizeof one), 8);
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_EQ(reads, 1);
    EXPECT_TRUE(idle());
    loop_->remove_reader(fd);
    ::close(fd);
}

TEST_F(host, goes_on_after_stop) {
    int calls = 0;
    loop_->call_soon([&] {
        ++calls;
        loop_->stop();
        loop_->call_soon([&] { ++calls; });
    });
    loop_->run_ready();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_EQ(calls, 2);
}

TEST_F(host, goes_on_after_a_fatal_exception) {
    int calls = 0;
    loop_->call_soon([] { throw system_exit(3); });
    loop_->call_soon([&] { ++calls; });
    EXPECT_THROW(loop_->run_ready(), system_exit);
    EXPECT_TRUE(told());
    loop_->run_ready();
    EXPECT_EQ(calls, 1);
}

TEST_F(host, may_take_turns_with_run_forever) {
    loop_->call_soon([&] { loop_->stop(); });
    loop_->run_forever();
    loop_->call_soon([] {});
    loop_->run_ready();
    EXPECT_TRUE(idle());
}

TEST_F(host, cannot_run_it_inside_itself) {
    bool refused = false;
    loop_->call_soon([&] {
        try {
            (void)loop_->run_ready();
        } catch (const std::runtime_error&) {
            refused = true;
        }
    });
    loop_->run_ready();
    EXPECT_TRUE(refused);
}

TEST_F(host, a_closed_loop_does_not_run) {
    loop_->close();
    EXPECT_THROW((void)loop_->run_ready(), std::runtime_error);
}

}  // namespace host_test
