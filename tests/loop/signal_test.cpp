// add_signal_handler.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"

namespace signal_test {

using namespace asyncio;
using namespace std::chrono_literals;

// S29: handlers run as callbacks of the loop.
TEST(signal_handler, runs_in_the_loop_and_not_at_once) {
    const auto loop = new_event_loop();
    std::string log;
    loop->add_signal_handler(
        SIGUSR1,
        [&](const char* text) {
            log += text;
            EXPECT_EQ(&get_running_loop(), loop.get());
        },
        "signal");
    ::raise(SIGUSR1);
    EXPECT_EQ(log, "");
    loop->run_ready();
    EXPECT_EQ(log, "signal");
    loop->run_ready();
    EXPECT_EQ(log, "signal");
    ::raise(SIGUSR1);
    loop->run_ready();
    EXPECT_EQ(log, "signalsignal");
}

// S29: they interrupt a poll that waits.
TEST(signal_handler, wakes_a_loop_that_waits) {
    const auto loop = new_event_loop();
    loop->add_signal_handler(SIGUSR1, [&] { loop->stop(); });
    std::atomic<bool> running{false};
    loop->call_soon([&] { running = true; });
    std::thread other([&] {
        while (!running) std::this_thread::yield();
        ::kill(::getpid(), SIGUSR1);
    });
    loop->run_forever();
    other.join();
}

TEST(signal_handler, wakes_a_host) {
    const auto loop = new_event_loop();
    bool ran = false;
    loop->add_signal_handler(SIGUSR1, [&] { ran = true; });
    loop->run_ready();
    ::raise(SIGUSR1);
    loop->run_ready();
    EXPECT_TRUE(ran);
}

// S29: removing restores what was there before, and gives whether there was one.
TEST(signal_handler, removing_restores_the_default) {
    const auto loop = new_event_loop();
    EXPECT_FALSE(loop->remove_signal_handler(SIGUSR1));
    loop->add_signal_handler(SIGUSR1, [] {});
    struct sigaction action{};
    ::sigaction(SIGUSR1, nullptr, &action);
    EXPECT_NE(action.sa_handler, SIG_DFL);
    EXPECT_TRUE(loop->remove_signal_handler(SIGUSR1));
    ::sigaction(SIGUSR1, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
    EXPECT_FALSE(loop->remove_signal_handler(SIGUSR1));
}

int foreign_calls = 0;

TEST(signal_handler, removing_restores_a_foreign_handler) {
    foreign_calls = 0;
    const auto before = ::signal(SIGUSR1, [](int) { ++foreign_calls; });
    const auto loop = new_event_loop();
    loop->add_signal_handler(SIGUSR1, [] {});
    loop->remove_signal_handler(SIGUSR1);
    ::raise(SIGUSR1);
    EXPECT_EQ(foreign_calls, 1);
    ::signal(SIGUSR1, before);
}

TEST(signal_handler, a_removed_one_is_not_called_any_more) {
    const auto loop = new_event_loop();
    bool ran = false;
    loop->add_signal_handler(SIGUSR1, [&] { ran = true; });
    ::raise(SIGUSR1);
    loop->remove_signal_handler(SIGUSR1);
    loop->run_ready();
    EXPECT_FALSE(ran);
    // The call is queued already when a callback of the same round removes it.
    loop->add_signal_handler(SIGUSR1, [&] { ran = true; });
    loop->call_soon([&] { loop->remove_signal_handler(SIGUSR1); });
    ::raise(SIGUSR1);
    loop->run_ready();
    EXPECT_FALSE(ran);
}

TEST(signal_handler, is_replaced) {
    const auto loop = new_event_loop();
    std::string log;
    loop->add_signal_handler(SIGUSR1, [&] { log += "old"; });
    loop->add_signal_handler(SIGUSR1, [&] { log += "new"; });
    ::raise(SIGUSR1);
    loop->run_ready();
    EXPECT_EQ(log, "new");
    EXPECT_TRUE(loop->remove_signal_handler(SIGUSR1));
}

TEST(signal_handler, several_signals) {
    const auto loop = new_event_loop();
    std::string log;
    loop->add_signal_handler(SIGUSR1, [&] { log += "1"; });
    loop->add_signal_handler(SIGUSR2, [&] { log += "2"; });
    ::raise(SIGUSR2);
    loop->run_ready();
    EXPECT_EQ(log, "2");
    ::raise(SIGUSR1);
    ::raise(SIGUSR2);
    loop->run_ready();
    EXPECT_EQ(log.size(), 3u);
}

TEST(signal_handler, belongs_to_one_loop) {
    const auto loop = new_event_loop();
    const auto other = new_event_loop();
    loop->add_signal_handler(SIGUSR1, [] {});
    try {
        other->add_signal_handler(SIGUSR1, [] {});
        ADD_FAILURE();
    } catch (const std::runtime_error& e) {
        EXPECT_EQ(std::string(e.what()),
                  "asyncio: signal 10 is handled by another event loop; remove its handler first");
    }
    EXPECT_FALSE(other->remove_signal_handler(SIGUSR1));
    loop->close();
    other->add_signal_handler(SIGUSR1, [] {});
}

TEST(signal_handler, refuses_what_cannot_be_handled) {
    const auto loop = new_event_loop();
    for (const int number : {0, -1, 1000, SIGKILL}) {
        try {
            loop->add_signal_handler(number, [] {});
            ADD_FAILURE() << number;
        } catch (const std::system_error& e) {
            EXPECT_NE(std::string(e.what()).find("signal " + std::to_string(number) +
                                                 " cannot be handled"),
                      std::string::npos);
        }
        EXPECT_FALSE(loop->remove_signal_handler(number));
    }
}

TEST(signal_handler, exceptions_are_reported) {
    const auto loop = new_event_loop();
    std::string message;
    loop->set_exception_handler(
        [&](event_loop&, const exception_context& c) { message = c.message; });
    loop->add_signal_handler(SIGUSR1, [] { throw std::runtime_error("no"); });
    ::raise(SIGUSR1);
    loop->run_ready();
    EXPECT_EQ(message, "Exception in a signal handler");
}

TEST(signal_handler, closing_the_loop_removes_them) {
    auto owned = std::make_shared<int>(1);
    {
        const auto loop = new_event_loop();
        loop->add_signal_handler(SIGUSR1, [owned] {});
        loop->add_signal_handler(SIGUSR2, [owned] {});
    }
    EXPECT_EQ(owned.use_count(), 1);
    struct sigaction action{};
    ::sigaction(SIGUSR1, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
}

}  // namespace signal_test
