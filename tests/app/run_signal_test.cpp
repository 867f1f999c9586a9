// SIGINT and SIGTERM while a program runs.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"

namespace run_signal_test {

using namespace asyncio;
using namespace std::chrono_literals;

coroutine<> interrupts_itself(int number) {
    ::raise(number);
    for (;;) co_await sleep(0s);
}

// S131: SIGINT cancels main; run throws keyboard_interrupt; also in a loop of sleep(0).
TEST(run_signal, interrupts_a_busy_loop) {
    for (const int number : {SIGINT, SIGTERM}) {
        try {
            run(interrupts_itself(number));
            ADD_FAILURE();
        } catch (const keyboard_interrupt& e) {
            EXPECT_EQ(e.signal_number(), number);
        }
    }
}

TEST(run_signal, cancels_main_with_a_reason_and_what_it_awaits) {
    std::string message;
    cancel_kind kind{};
    bool future_cancelled = false;
    const auto main = [&]() -> coroutine<> {
        const auto f = get_running_loop().create_future();
        get_running_loop().call_soon([] { ::raise(SIGINT); });
        try {
            co_await f;
        } catch (const cancelled_error& e) {
            message = e.message();
            kind = e.reason().kind;
            future_cancelled = f.cancelled();
            throw;
        }
    };
    EXPECT_THROW(run(main()), keyboard_interrupt);
    EXPECT_EQ(message, "SIGINT");
    EXPECT_EQ(kind, cancel_kind::signal);
    EXPECT_TRUE(future_cancelled);
}

TEST(run_signal, wakes_a_loop_that_waits) {
    std::thread other;
    const auto main = [&]() -> coroutine<> {
        get_running_loop().call_soon(
            [&] { other = std::thread([] { ::kill(::getpid(), SIGINT); }); });
        co_await sleep(std::nullopt);
    };
    EXPECT_THROW(run(main()), keyboard_interrupt);
    other.join();
}

// S132: a task that somebody else cancelled, too: cancelled_error.
/// Cancels `main` between the signal's cancel and the step in which main sees it.
void cancel_too(task<> main) {
    if (main.cancelling() == 0)
        get_running_loop().call_soon(cancel_too, main);
    else
        main.cancel("mine");
}

// S132.
TEST(run_signal, a_main_that_was_cancelled_otherwise_too) {
    const auto main = []() -> coroutine<> {
        get_running_loop().call_soon(cancel_too, current_task());
        ::raise(SIGINT);
        co_await sleep(1h);
    };
    EXPECT_THROW(run(main()), cancelled_error);
}

TEST(run_signal, main_may_swallow_it_and_give_a_result) {
    const auto main = []() -> coroutine<int> {
        ::raise(SIGINT);
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        co_return 5;
    };
    EXPECT_EQ(run(main()), 5);
}

TEST(run_signal, cleans_up_in_order) {
    std::string log;
    const auto child = [&]() -> coroutine<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error& e) {
            log += " child:" + std::string(to_string(e.reason().kind));
            throw;
        }
    };
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task(child);
        co_await sleep(0s);
        ::raise(SIGTERM);
        std::exception_ptr why;
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            why = std::current_exception();
        }
        co_await sleep(0s);
        log += "main";
        std::rethrow_exception(why);
    };
    EXPECT_THROW(run(main()), keyboard_interrupt);
    EXPECT_EQ(log, "main child:shutdown");
}

bool has_default_action(int number) {
    struct sigaction action{};
    ::sigaction(number, nullptr, &action);
    return action.sa_handler == SIG_DFL;
}

TEST(run_signal, the_handlers_are_restored) {
    const auto handled = []() -> coroutine<bool> {
        co_return !has_default_action(SIGINT) && !has_default_action(SIGTERM);
    };
    EXPECT_TRUE(run(handled()));
    EXPECT_TRUE(has_default_action(SIGINT) && has_default_action(SIGTERM));
}

TEST(run_signal, are_the_main_threads) {
    bool untouched = false;
    const auto main = [&]() -> coroutine<> {
        untouched = has_default_action(SIGINT) && has_default_action(SIGTERM);
        co_return;
    };
    std::thread([&] { run(main); }).join();
    EXPECT_TRUE(untouched);
}

int own_calls = 0;

TEST(run_signal, leaves_the_programs_own_handlers_alone) {
    own_calls = 0;
    const auto before = ::signal(SIGINT, [](int) { ++own_calls; });
    const auto main = []() -> coroutine<int> {
        ::raise(SIGINT);
        co_await sleep(0s);
        co_return 1;
    };
    EXPECT_EQ(run(main()), 1);
    EXPECT_EQ(own_calls, 1);
    ::signal(SIGINT, before);
}

TEST(run_signal, may_be_switched_off) {
    const auto untouched = []() -> coroutine<bool> { co_return has_default_action(SIGINT); };
    EXPECT_TRUE(run(untouched(), {.handle_signals = false}));
    EXPECT_FALSE(run(untouched()));
}

TEST(run_signal, a_run_in_another_thread_keeps_its_hands_off) {
    const auto main = []() -> coroutine<int> {
        int inner = 0;
        std::thread other([&] {
            const auto number = []() -> coroutine<int> { co_return 3; };
            inner = run(number());
        });
        other.join();
        ::raise(SIGINT);
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            co_return inner;
        }
        co_return 0;
    };
    EXPECT_EQ(run(main()), 3);
}

void tell(int fd) { EXPECT_EQ(::write(fd, "x", 1), 1); }
void let_time_pass(std::chrono::nanoseconds d) {
    const auto end = std::chrono::steady_clock::now() + d;
    while (std::chrono::steady_clock::now() < end) {
    }
}

/// Runs `main` in a child process and sends it two signals; gives its exit code.
int exit_code_after(coroutine<> (*main)(int), int first, int second) {
    int to_parent[2];
    EXPECT_EQ(::pipe(to_parent), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char name[] = "program";
        char* argv[] = {name, nullptr};
        const int fd = to_parent[1];
        ::_exit(run_main(1, argv, [main, fd]() { return main(fd); }));
    }
    char ready = 0;
    EXPECT_EQ(::read(to_parent[0], &ready, 1), 1);  // it runs
    ::kill(child, first);
    EXPECT_EQ(::read(to_parent[0], &ready, 1), 1);  // some time has passed
    ::kill(child, second);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(to_parent[0]);
    ::close(to_parent[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

coroutine<> will_not_end(int fd) {
    tell(fd);
    for (;;) {
        bool told = false;
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            told = true;
        }
        if (told) {
            let_time_pass(50ms);
            tell(fd);
        }
    }
}

TEST(run_signal, a_second_one_stops_at_once) {
    EXPECT_EQ(exit_code_after(will_not_end, SIGINT, SIGINT), 130);
    EXPECT_EQ(exit_code_after(will_not_end, SIGTERM, SIGTERM), 143);
    EXPECT_EQ(exit_code_after(will_not_end, SIGINT, SIGTERM), 130);
}

volatile bool forever = true;

coroutine<> is_stuck(int fd) {
    tell(fd);
    let_time_pass(100ms);
    tell(fd);
    while (forever) {
    }
    co_return;
}

TEST(run_signal, a_second_one_stops_a_program_that_is_stuck) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer hands signals on when the program calls the system";
#endif
    EXPECT_EQ(exit_code_after(is_stuck, SIGINT, SIGINT), 130);
}

coroutine<> ends_when_told(int fd) {
    tell(fd);
    tell(fd);
    co_await sleep(1h);
}

// A parent that hands Ctrl-C on makes two of one.
TEST(run_signal, two_at_once_are_one) {
    const auto main = []() -> coroutine<int> {
        ::raise(SIGINT);
        ::raise(SIGINT);
        ::raise(SIGTERM);
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            co_return 7;
        }
        co_return 0;
    };
    EXPECT_EQ(run(main()), 7);
    EXPECT_EQ(exit_code_after(ends_when_told, SIGINT, SIGINT), 130);
    EXPECT_EQ(exit_code_after(ends_when_told, SIGTERM, SIGTERM), 143);
}

TEST(run_signal, each_run_begins_anew) {
    EXPECT_THROW(run(interrupts_itself(SIGINT)), keyboard_interrupt);
    let_time_pass(30ms);
    EXPECT_THROW(run(interrupts_itself(SIGINT)), keyboard_interrupt);
}

}  // namespace run_signal_test
