// The pool when processes die: by signals, by limits, at shutdown, with their parent.
#include "asyncio/executor/process_pool_base.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "executor/process_functions.hpp"
#include "support/check.hpp"

namespace process_pool_base_test {

using asyncio::broken_process_pool;
using asyncio::process_pool_executor;
using namespace std::chrono_literals;

/// What a call of this pool fails with.
template <class... Args>
std::string failure(process_pool_executor& pool, Args... args) {
    try {
        pool.submit(args...).result();
    } catch (const std::exception& e) {
        return e.what();
    }
    return "no exception";
}

bool says(const std::string& text, const char* words) {
    return text.find(words) != std::string::npos;
}

bool exists(int pid) {
    if (::kill(pid, 0) != 0) return false;
    // A process that nobody has asked about yet is dead all the same.
    char state = 0;
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    if (std::FILE* f = std::fopen(path.c_str(), "r")) {
        if (std::fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 0;
        std::fclose(f);
    }
    return state != 0 && state != 'Z' && state != 'X';
}

/// True if all of them end within this time.
bool all_end(const std::vector<int>& pids, std::chrono::milliseconds time) {
    const auto deadline = asyncio::clock::now() + time;
    for (const int pid : pids) {
        while (exists(pid)) {
            if (asyncio::clock::now() > deadline) return false;
            ::poll(nullptr, 0, 1);
        }
    }
    return true;
}

// ---- Deaths -------------------------------------------------------------------------------------

TEST(process_pool_base, names_the_signal_that_ended_a_call) {
    process_pool_executor pool(1);
    for (const int number : {SIGKILL, SIGTERM, SIGUSR1, SIGPIPE}) {
        try {
            (void)pool.submit(sent::die_by, number).result();
            ADD_FAILURE();
        } catch (const broken_process_pool& e) {
            EXPECT_EQ(e.signal_number(), number);
            EXPECT_TRUE(says(e.what(), ("was ended by SIG" + std::string(sigabbrev_np(number)) +
                                        " while it made this call")
                                           .c_str()))
                << e.what();
        }
    }
    EXPECT_TRUE(says(failure(pool, sent::leave, 3), "ended with exit code 3"));
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

TEST(process_pool_base, contains_a_crash) {
    if (support::sanitized) GTEST_SKIP() << "a sanitizer turns signals into reports";
    process_pool_executor pool(1);
    const auto crash = [](std::uintptr_t at) { *reinterpret_cast<volatile int*>(at) = 1; };
    const std::string text = failure(pool, crash, std::uintptr_t{8});
    EXPECT_TRUE(says(text, "was ended by SIGSEGV")) << text;
    EXPECT_TRUE(says(failure(pool, [] { std::abort(); }), "was ended by SIGABRT"));
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

TEST(process_pool_base, tells_of_a_death_at_once) {
    process_pool_executor pool(1);
    const auto call = pool.submit(sent::spin);
    while (pool.worker_pids().empty()) std::this_thread::yield();
    ::kill(pool.worker_pids().at(0), SIGKILL);
    const auto start = asyncio::clock::now();
    EXPECT_THROW(call.result(), broken_process_pool);
    const auto took = asyncio::clock::now() - start;
    EXPECT_LT(took, support::sanitized ? 1000ms : 100ms);
}

TEST(process_pool_base, tells_of_deaths_also_in_a_program_that_ignores_its_children) {
    ::signal(SIGCHLD, SIG_IGN);
    {
        process_pool_executor pool(1);
        EXPECT_TRUE(says(failure(pool, sent::die_by, SIGKILL), "was ended by SIGKILL"));
    }
    ::signal(SIGCHLD, SIG_DFL);
}

TEST(process_pool_base, serves_after_its_processes_were_killed_before_they_had_work) {
    process_pool_executor pool(2);
    const auto two_calls = [&pool] {
        const auto first = pool.submit(sent::work, 1'000'000u);
        const auto second = pool.submit(sent::work, 1'000'000u);
        return first.result() == second.result();
    };
    EXPECT_TRUE(two_calls());
    for (int i = 0; i < 150; ++i) {
        for (const int pid : pool.worker_pids()) ::kill(pid, SIGKILL);
        ::poll(nullptr, 0, i % 3);
    }
    EXPECT_TRUE(two_calls());
}

TEST(process_pool_base, replaces_a_process_that_was_killed_while_it_was_idle) {
    process_pool_executor pool(1);
    const int before = pool.submit(&::getpid).result();
    ::kill(before, SIGKILL);
    while (pool.worker_pids() == std::vector{before}) std::this_thread::yield();
    EXPECT_NE(pool.submit(&::getpid).result(), before);
}

asyncio::coroutine<int> count_lost(process_pool_executor& pool, int calls, int kills) {
    auto& loop = asyncio::get_running_loop();
    std::mt19937 random(7);
    std::vector<asyncio::future<unsigned>> results;
    for (int i = 0; i < calls; ++i)
        results.push_back(loop.run_in_executor(&pool, sent::work, 200'000u));
    int killed = 0;
    while (killed < kills && pool.pending() > 0) {
        const std::vector<int> pids = pool.worker_pids();
        if (!pids.empty() && ::kill(pids[random() % pids.size()], SIGKILL) == 0) ++killed;
        co_await asyncio::sleep(std::chrono::microseconds(random() % 3000));
    }
    EXPECT_EQ(killed, kills);
    int lost = 0;
    for (auto& r : results) {
        try {
            const unsigned x = co_await r;
            EXPECT_EQ(x, sent::work(200'000));
        } catch (const broken_process_pool& e) {
            EXPECT_EQ(e.signal_number(), SIGKILL) << e.what();
            ++lost;
        }
    }
    co_return lost;
}

TEST(process_pool_base, loses_only_the_calls_of_a_hundred_killed_processes) {
    process_pool_executor pool(2);
    const int lost = asyncio::run(count_lost, std::ref(pool), 3000, 100);
    EXPECT_LE(lost, 100);
    EXPECT_GT(lost, 0);
    const auto first = pool.submit(sent::work, 50'000'000u);
    const auto second = pool.submit(sent::work, 50'000'000u);
    EXPECT_EQ(first.result(), second.result());
    while (pool.worker_count() < 2) std::this_thread::yield();  // whole again
}

TEST(process_pool_base, fails_everything_if_its_fork_server_is_killed) {
    process_pool_executor pool(1);
    const int server = pool.submit(&::getppid).result();
    const auto running = pool.submit(sent::spin);
    const auto waiting = pool.submit(sent::spin);
    ::kill(server, SIGKILL);
    EXPECT_THROW(running.result(), broken_process_pool);
    EXPECT_THROW(waiting.result(), broken_process_pool);
    EXPECT_TRUE(says(failure(pool, sent::add, 1, 1), "make a new pool"));
    pool.room().result();
    EXPECT_EQ(pool.shutdown(), 0u);
    process_pool_executor other(1);
}

// ---- Limits -------------------------------------------------------------------------------------

TEST(process_pool_base, ends_a_call_that_uses_too_much_cpu_time) {
    process_pool_executor pool(1);
    const asyncio::process_call_options limit{.cpu_time = 50ms};
    try {
        pool.submit(limit, sent::spin).result();
        ADD_FAILURE();
    } catch (const broken_process_pool& e) {
        EXPECT_EQ(e.signal_number(), SIGXCPU);
        EXPECT_TRUE(says(e.what(), "the call used more than its 0.050 s of CPU time")) << e.what();
    }
    // A limit is a call's own: together these use more.
    for (int i = 0; i < 5; ++i) EXPECT_NE(pool.submit(limit, sent::work, 5'000'000u).result(), 0u);
}

std::size_t allocate(std::size_t bytes) {
    std::vector<char> v(bytes, 'x');
    return v.size();
}

TEST(process_pool_base, refuses_a_call_too_much_memory) {
    if (support::sanitized) GTEST_SKIP() << "a sanitizer's allocator ends the process instead";
    process_pool_executor pool({.max_workers = 1, .call = {.memory = std::size_t{64} << 20}});
    EXPECT_EQ(pool.submit(allocate, std::size_t{16} << 20).result(), std::size_t{16} << 20);
    EXPECT_THROW(pool.submit(allocate, std::size_t{256} << 20).result(), std::bad_alloc);
    EXPECT_EQ(
        pool.submit(asyncio::process_call_options{}, allocate, std::size_t{256} << 20).result(),
        std::size_t{256} << 20);
}

// ---- The end ------------------------------------------------------------------------------------

TEST(process_pool_base, waits_at_shutdown_for_every_call) {
    process_pool_executor pool(1);
    std::vector<asyncio::concurrent_future<unsigned>> calls;
    for (int i = 0; i < 5; ++i) calls.push_back(pool.submit(sent::work, 1'000'000u));
    EXPECT_EQ(pool.shutdown(), 0u);
    for (const auto& c : calls) EXPECT_TRUE(c.done());
    EXPECT_EQ(calls.back().result(), sent::work(1'000'000u));
}

TEST(process_pool_base, kills_at_shutdown_what_does_not_end_in_time) {
    process_pool_executor pool(2);
    const auto endless = pool.submit(sent::spin);
    const auto other = pool.submit(sent::spin);
    const auto waiting = pool.submit(sent::add, 1, 1);
    while (pool.pending() > 1) std::this_thread::yield();
    const std::vector<int> pids = pool.worker_pids();
    EXPECT_EQ(pool.shutdown({.timeout = 5ms}), 2u);
    EXPECT_TRUE(all_end(pids, 0ms));
    try {
        endless.result();
        ADD_FAILURE();
    } catch (const broken_process_pool& e) {
        EXPECT_TRUE(says(e.what(), "the pool's shutdown could wait no longer")) << e.what();
    }
    EXPECT_THROW(other.result(), broken_process_pool);
    EXPECT_TRUE(waiting.cancelled());
    EXPECT_THROW((void)waiting.result(), asyncio::cancelled_error);
}

TEST(process_pool_base, drops_at_shutdown_what_waits_if_asked) {
    process_pool_executor pool(1);
    const auto first = pool.submit(sent::work, 30'000'000u);
    while (pool.pending() > 0) std::this_thread::yield();
    const auto second = pool.submit(sent::work, 30'000'000u);
    EXPECT_EQ(pool.shutdown({.pending = asyncio::pending_jobs::cancel}), 0u);
    EXPECT_EQ(first.result(), sent::work(30'000'000u));
    EXPECT_TRUE(second.cancelled());
}

TEST(process_pool_base, cannot_wait_for_its_own_thread) {
    process_pool_executor pool(1);
    std::string text;
    const auto call = pool.submit(sent::work, 10'000'000u);
    call.add_done_callback([&](const asyncio::concurrent_future<unsigned>&) {
        try {
            pool.shutdown();
        } catch (const std::runtime_error& e) {
            text = e.what();
        }
    });
    call.result();
    pool.shutdown();
    EXPECT_TRUE(says(text, "a done callback cannot wait")) << text;
}

/// A process that makes a pool, says which processes there are, and computes for ever.
int fork_with_pool(int (&pipe)[2]) {
    EXPECT_EQ(::pipe(pipe), 0);
    const int child = ::fork();
    if (child != 0) return child;
    process_pool_executor pool(2);
    const auto a = pool.submit(sent::spin);
    const auto b = pool.submit(sent::spin);
    while (pool.worker_count() < 2) std::this_thread::yield();
    std::vector<int> pids = pool.worker_pids();
    const std::string path = "/proc/" + std::to_string(pids[0]) + "/stat";
    int server = 0;
    if (std::FILE* f = std::fopen(path.c_str(), "r")) {
        if (std::fscanf(f, "%*d (%*[^)]) %*c %d", &server) != 1) server = 0;
        std::fclose(f);
    }
    pids.push_back(server);
    (void)!::write(pipe[1], pids.data(), pids.size() * sizeof(int));
    a.result();
    ::_exit(0);
}

TEST(process_pool_base, leaves_no_process_behind_if_its_own_is_killed) {
    int pipe[2];
    const int child = fork_with_pool(pipe);
    std::vector<int> pids(3);
    ASSERT_EQ(::read(pipe[0], pids.data(), 3 * sizeof(int)), static_cast<ssize_t>(3 * sizeof(int)));
    for (const int pid : pids) EXPECT_TRUE(exists(pid));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(all_end(pids, 1s));
    ::close(pipe[0]);
    ::close(pipe[1]);
}

}  // namespace process_pool_base_test
