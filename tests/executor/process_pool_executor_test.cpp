#include "asyncio/executor/process_pool_executor.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asyncio/asyncio.hpp>
#include <asyncio/process_pool.hpp>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "executor/process_functions.hpp"
#include "sys/fork_server.hpp"

namespace process_pool_executor_test {

using asyncio::process_pool_executor;
using namespace std::chrono_literals;

/// Threads that another test has left behind may take a moment to end.
class waits_for_threads final : public testing::EmptyTestEventListener {
    void OnTestStart(const testing::TestInfo& test) override {
        if (!std::string_view(test.test_suite_name()).starts_with("process")) return;
        for (int i = 0; i < 1000 && asyncio::detail::has_other_threads(); ++i)
            ::poll(nullptr, 0, 1);
    }
};
[[maybe_unused]] const bool listens = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new waits_for_threads);
    return true;
}();

template <class E, class F>
std::string text_of(F f) {
    try {
        f();
    } catch (const E& e) {
        return e.what();
    }
    return "no exception";
}

// ---- Calls --------------------------------------------------------------------------------------

asyncio::coroutine<int> add_on_the_loop(process_pool_executor& pool) {
    co_return co_await asyncio::get_running_loop().run_in_executor(&pool, sent::add, 1, 2);
}

TEST(process_pool_executor, calls_a_function_in_another_process) {
    process_pool_executor pool(1);
    EXPECT_EQ(asyncio::run(add_on_the_loop, std::ref(pool)), 3);
    EXPECT_EQ(pool.submit(&sent::add, 3, 4).result(), 7);
    EXPECT_NE(pool.submit(&::getpid).result(), ::getpid());
    EXPECT_EQ(pool.worker_pids().at(0), pool.submit(&::getpid).result());
}

TEST(process_pool_executor, sends_callables_of_every_kind_that_can_be_sent) {
    process_pool_executor pool(1);
    EXPECT_EQ(pool.submit([](int x) { return x * x; }, 12).result(), 144);
    EXPECT_EQ(pool.submit(std::plus<>(), 2, 3).result(), 5);
    EXPECT_EQ(pool.submit(sent::scale{2.5}, 4.0).result(), 10.0);
    int (*const pointer)(int, int) = sent::add;
    EXPECT_EQ(pool.submit(pointer, 2, 2).result(), 4);
    EXPECT_EQ(pool.submit([](int (*f)(int, int), int x) { return f(x, x); }, pointer, 8).result(),
              16);
}

TEST(process_pool_executor, sends_values_of_many_types) {
    process_pool_executor pool(1);
    EXPECT_EQ(pool.submit(sent::greet, "literal").result(), "hello literal");
    EXPECT_EQ(pool.submit(sent::greet, std::string_view("view")).result(), "hello view");
    EXPECT_EQ(pool.submit(sent::mirrored, sent::point{1, 2}).result(), (sent::point{2, 1}));
    using table = std::map<std::string, std::vector<sent::point>>;
    const table t{{"a", {{1, 2}}}, {"b", {}}};
    EXPECT_EQ(pool.submit([](table x) { return x; }, t).result(), t);
    using mixed = std::tuple<bool, std::optional<std::string>, std::pair<char, long double>>;
    const mixed m{true, "text", {'c', 0.5L}};
    EXPECT_EQ(pool.submit([](mixed x) { return x; }, m).result(), m);
    pool.submit([] {}).result();
}

TEST(process_pool_executor, leaves_named_arguments_as_they_are) {
    process_pool_executor pool(1);
    std::vector<double> numbers{1, 2, 3};
    EXPECT_EQ(pool.submit(sent::doubled, numbers).result(), (std::vector<double>{2, 4, 6}));
    EXPECT_EQ(numbers, (std::vector<double>{1, 2, 3}));
}

TEST(process_pool_executor, sends_large_values_through_shared_memory) {
    process_pool_executor pool(2);
    for (const std::size_t n : {1000u, 4095u, 4096u, 5000u, 131072u, 1000000u, 300000u}) {
        const std::vector<double> numbers(n, 1.5);
        EXPECT_EQ(pool.submit(sent::doubled, numbers).result(), std::vector<double>(n, 3.0)) << n;
    }
    // A large result of small arguments, and the other way round.
    EXPECT_EQ(pool.submit(sent::bytes, std::size_t{3} << 20).result().size(), std::size_t{3} << 20);
    EXPECT_EQ(pool.submit(sent::sum, std::vector<std::uint64_t>(1 << 20, 2)).result(), 2u << 20);
}

TEST(process_pool_executor, gives_large_results_of_small_arguments_one_after_the_other) {
    process_pool_executor pool(2);
    for (int i = 0; i < 200; ++i) {
        const std::size_t size = std::size_t{1} << (i % 21);
        EXPECT_EQ(pool.submit(sent::bytes, size).result(), std::vector<char>(size, 'x'));
        EXPECT_EQ(pool.submit(sent::add, i, 1).result(), i + 1);
    }
}

TEST(process_pool_executor, gives_a_result_that_outgrows_the_memory_of_its_arguments) {
    process_pool_executor pool(1);
    const auto twice = [](std::vector<char> v) {
        v.resize(v.size() * 10);
        return v;
    };
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(pool.submit(twice, std::vector<char>(200'000)).result().size(), 2'000'000u);
}

// ---- On a loop ----------------------------------------------------------------------------------

asyncio::coroutine<> hundred_calls(process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    std::vector<asyncio::future<int>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(loop.run_in_executor(&pool, sent::add, i, i));
    for (int i = 0; i < 100; ++i) {
        const int twice = co_await std::move(calls[static_cast<std::size_t>(i)]);
        EXPECT_EQ(twice, 2 * i);
    }
}

TEST(process_pool_executor, makes_many_calls_of_a_loop_with_few_processes) {
    process_pool_executor pool(2);
    asyncio::run(hundred_calls, std::ref(pool));
    while (pool.worker_count() < 2) std::this_thread::yield();
    asyncio::run(hundred_calls, std::ref(pool));  // another loop
    EXPECT_EQ(pool.pending(), 0u);
}

TEST(process_pool_executor, serves_loops_in_several_threads_and_threads_without) {
    process_pool_executor pool(2);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&pool] { asyncio::run(hundred_calls, std::ref(pool)); });
    threads.emplace_back([&pool] {
        for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit(sent::add, i, 1).result(), i + 1);
    });
    for (std::thread& t : threads) t.join();
}

asyncio::coroutine<int> ticks_while(process_pool_executor& pool, unsigned rounds) {
    auto& loop = asyncio::get_running_loop();
    const asyncio::future<unsigned> call = loop.run_in_executor(&pool, sent::work, rounds);
    int ticks = 0;
    while (!call.done()) {
        co_await asyncio::sleep(1ms);
        ++ticks;
    }
    co_return ticks;
}

TEST(process_pool_executor, lets_the_loop_breathe) {
    process_pool_executor pool(1);
    EXPECT_GT(asyncio::run(ticks_while, std::ref(pool), 100'000'000u), 2);
}

asyncio::coroutine<> call_and_forget(process_pool_executor& pool) {
    (void)asyncio::get_running_loop().run_in_executor(&pool, sent::work, 10'000'000u);
    co_await asyncio::sleep(0ms);
}

TEST(process_pool_executor, survives_a_loop_that_closes_before_its_call_has_ended) {
    process_pool_executor pool(1);
    asyncio::run(call_and_forget, std::ref(pool));
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

asyncio::coroutine<> call_a_pool_that_ends_before_the_loop() {
    auto& loop = asyncio::get_running_loop();
    {
        process_pool_executor pool(1);
        const int three = co_await loop.run_in_executor(&pool, sent::add, 1, 2);
        EXPECT_EQ(three, 3);
    }
    co_await asyncio::sleep(1ms);
    process_pool_executor other(1);
    const int seven = co_await loop.run_in_executor(&other, sent::add, 3, 4);
    EXPECT_EQ(seven, 7);
}

TEST(process_pool_executor, may_be_made_and_dropped_on_a_running_loop) {
    asyncio::run(call_a_pool_that_ends_before_the_loop);
}

asyncio::coroutine<> wait_in_a_task(process_pool_executor& pool, std::vector<std::string>& log) {
    try {
        co_await asyncio::get_running_loop().run_in_executor(&pool, sent::spin);
    } catch (const asyncio::cancelled_error& e) {
        log.emplace_back(e.message());
        throw;
    }
}

asyncio::coroutine<> cancel_a_call(process_pool_executor& pool, std::vector<std::string>& log) {
    const auto task = asyncio::create_task(wait_in_a_task, std::ref(pool), std::ref(log));
    while (pool.worker_count() == 0) co_await asyncio::sleep(1ms);
    const std::vector<int> before = pool.worker_pids();
    task.cancel("enough");
    const std::vector tasks{task};
    co_await asyncio::wait(tasks);
    EXPECT_TRUE(task.cancelled());
    auto& loop = asyncio::get_running_loop();
    // The only process computes for ever, if it was not killed.
    const int pid = co_await loop.run_in_executor(&pool, ::getpid);
    EXPECT_NE(pid, before.at(0));
    while (::kill(before.at(0), 0) == 0) co_await asyncio::sleep(1ms);
}

TEST(process_pool_executor, kills_a_call_that_is_cancelled_and_replaces_its_process) {
    process_pool_executor pool(1);
    std::vector<std::string> log;
    asyncio::run(cancel_a_call, std::ref(pool), std::ref(log));
    EXPECT_EQ(log, std::vector<std::string>{"enough"});
}

asyncio::coroutine<> cancel_before_it_runs(process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    const auto first = loop.run_in_executor(&pool, sent::work, 50'000'000u);
    const auto second = loop.run_in_executor(&pool, sent::die_by, SIGKILL);
    EXPECT_TRUE(second.cancel());
    co_await first;
    EXPECT_TRUE(second.cancelled());
    EXPECT_EQ(pool.pending(), 0u);
}

TEST(process_pool_executor, never_begins_a_call_that_was_cancelled_in_the_queue) {
    process_pool_executor pool(1);
    asyncio::run(cancel_before_it_runs, std::ref(pool));
}

asyncio::coroutine<> time_out(process_pool_executor& pool) {
    asyncio::future<> call = asyncio::get_running_loop().run_in_executor(&pool, sent::spin);
    bool timed_out = false;
    try {
        co_await asyncio::wait_for(std::move(call), 5ms);
    } catch (const asyncio::timeout_error&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
}

TEST(process_pool_executor, can_be_given_a_timeout) {
    process_pool_executor pool(1);
    asyncio::run(time_out, std::ref(pool));
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

asyncio::coroutine<int> cancel_a_call_that_runs_on(process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    const int before = co_await loop.run_in_executor(&pool, ::getpid);
    const auto call = loop.run_in_executor(&pool, {.on_cancel = asyncio::cancelled_call::run_on},
                                           sent::work, 20'000'000u);
    EXPECT_TRUE(call.cancel());
    co_await asyncio::sleep(1ms);
    EXPECT_TRUE(call.cancelled());
    const int after = co_await loop.run_in_executor(&pool, ::getpid);
    EXPECT_EQ(before, after);
    co_return after;
}

TEST(process_pool_executor, lets_a_cancelled_call_run_on_if_asked) {
    process_pool_executor pool(1);
    asyncio::run(cancel_a_call_that_runs_on, std::ref(pool));
    const asyncio::process_call_options runs_on{.on_cancel = asyncio::cancelled_call::run_on};
    const auto call = pool.submit(runs_on, sent::work, 20'000'000u);
    EXPECT_TRUE(call.running());
    EXPECT_FALSE(call.cancel());  // as a thread's
    EXPECT_EQ(call.result(), sent::work(20'000'000u));
}

asyncio::coroutine<> cancel_in_the_round_of_the_end(process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    for (int i = 0; i < 50; ++i) {
        const auto call = loop.run_in_executor(&pool, sent::add, 1, 2);
        // The loop sees the result in this or in the next round: one of the two must win.
        co_await asyncio::sleep(std::chrono::microseconds(i));
        const bool was_cancelled = call.cancel();
        co_await asyncio::sleep(0ms);
        if (was_cancelled) {
            EXPECT_TRUE(call.cancelled());
        } else {
            EXPECT_EQ(call.result(), 3);
        }
    }
}

TEST(process_pool_executor, settles_a_cancel_that_races_with_the_result) {
    process_pool_executor pool(1);
    asyncio::run(cancel_in_the_round_of_the_end, std::ref(pool));
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

// ---- The queue ----------------------------------------------------------------------------------

asyncio::coroutine<> fill(process_pool_executor& pool) {
    auto& loop = asyncio::get_running_loop();
    std::vector<asyncio::future<unsigned>> calls;
    bool full = false;
    while (!full) {
        try {
            calls.push_back(loop.run_in_executor(&pool, sent::work, 10'000'000u));
        } catch (const asyncio::queue_full&) {
            full = true;
        }
    }
    EXPECT_GE(calls.size(), 3u);
    EXPECT_EQ(pool.pending(), 2u);
    asyncio::future<> room = asyncio::wrap_future(pool.room());
    co_await std::move(room);
    EXPECT_LT(pool.pending(), 2u);
    calls.push_back(loop.run_in_executor(&pool, sent::work, 1u));
    for (auto& c : calls) co_await c;
}

TEST(process_pool_executor, refuses_a_call_too_many_and_says_when_there_is_room) {
    process_pool_executor pool({.max_workers = 1, .max_pending = 2});
    pool.submit(sent::add, 1, 1).result();
    asyncio::run(fill, std::ref(pool));
    pool.room().result();  // at once
}

// ---- What goes wrong ----------------------------------------------------------------------------

TEST(process_pool_executor, needs_a_process) {
    EXPECT_EQ(
        text_of<std::invalid_argument>([] { process_pool_executor pool(0); }),
        "asyncio: process_pool_executor: max_workers is 0; a pool needs at least one process");
}

TEST(process_pool_executor, says_what_to_do_if_there_are_threads) {
    std::atomic<bool> go{false};
    std::thread other([&go] { go.wait(false); });
    const std::string text = text_of<std::runtime_error>([] { process_pool_executor pool(1); });
    EXPECT_NE(text.find("make the pool first, at the beginning of main()"), std::string::npos)
        << text;
    go = true;
    go.notify_one();
    other.join();
    process_pool_executor pool(1);  // now it is alone again
}

TEST(process_pool_executor, works_with_threads_that_were_started_later) {
    process_pool_executor pool(1);
    std::thread other([&pool] { EXPECT_EQ(pool.submit(sent::add, 1, 2).result(), 3); });
    EXPECT_EQ(pool.submit(sent::add, 2, 2).result(), 4);
    other.join();
}

TEST(process_pool_executor, refuses_arguments_and_results_over_the_limit) {
    process_pool_executor pool({.max_workers = 1, .max_message = 1000});
    const std::vector<double> numbers(200);
    EXPECT_EQ(text_of<std::length_error>([&] {
                  (void)pool.submit(sent::doubled, numbers);
              }).substr(0, 36),
              "asyncio: the arguments of a call hav");
    const std::string text =
        text_of<std::length_error>([&] { pool.submit(sent::bytes, 2000u).result(); });
    EXPECT_NE(text.find("raise process_pool_options::max_message"), std::string::npos) << text;
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

TEST(process_pool_executor, refuses_a_function_in_no_module) {
    process_pool_executor pool(1);
    static int data = 0;
    using function = int (*)(int, int);
    const auto nowhere = reinterpret_cast<function>(reinterpret_cast<std::uintptr_t>(&data));
    const std::string text =
        text_of<std::invalid_argument>([&] { (void)pool.submit(nowhere, 1, 2); });
    EXPECT_NE(text.find("is in no module that is loaded"), std::string::npos) << text;
    const function null = nullptr;
    EXPECT_NE(text_of<std::invalid_argument>([&] { (void)pool.submit(null, 1, 2); }),
              "no exception");
    const char* const no_text = nullptr;
    EXPECT_NE(text_of<std::invalid_argument>([&] { (void)pool.submit(sent::greet, no_text); }),
              "no exception");
}

TEST(process_pool_executor, refuses_calls_after_shutdown) {
    process_pool_executor pool(1);
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
    EXPECT_EQ(pool.shutdown(), 0u);
    EXPECT_EQ(text_of<std::runtime_error>([&] { (void)pool.submit(sent::add, 1, 1); }),
              "asyncio: the process pool has been shut down: it takes no more calls");
    EXPECT_EQ(pool.shutdown(), 0u);
    EXPECT_EQ(pool.worker_count(), 0u);
}

TEST(process_pool_executor, cannot_be_used_in_a_forked_child) {
    process_pool_executor pool(1);
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
    const int child = ::fork();
    if (child == 0) {
        const std::string text =
            text_of<std::runtime_error>([&] { (void)pool.submit(sent::add, 1, 1); });
        ::_exit(text.find("make a pool of its own here") != std::string::npos ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(pool.submit(sent::add, 1, 1).result(), 2);
}

TEST(process_pool_executor, is_left_alone_by_a_forked_child_that_drops_it) {
    auto pool = std::make_unique<process_pool_executor>(1);
    EXPECT_EQ(pool->submit(sent::add, 1, 1).result(), 2);
    const int child = ::fork();
    if (child == 0) {
        pool.reset();
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(pool->submit(sent::add, 1, 1).result(), 2);
}

// ---- What a process is --------------------------------------------------------------------------

int count_sockets() {
    int sockets = 0;
    for (int fd = 3; fd < 256; ++fd) sockets += ::lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
    return sockets;
}

TEST(process_pool_executor, gives_its_processes_one_socket_and_no_pipe) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    {
        process_pool_executor pool(2);
        (void)pool.submit(sent::work, 1u).result();
        EXPECT_EQ(pool.submit(count_sockets).result(), 1);
        EXPECT_EQ(pool.submit([](int) { return 0; }, 0).result(), 0);
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
}

asyncio::coroutine<int> answer() {
    co_await asyncio::sleep(1ms);
    co_return 42;
}
int run_a_loop() { return asyncio::run(answer); }

asyncio::coroutine<int> loop_in_a_process() {
    process_pool_executor pool(1);
    co_return co_await asyncio::get_running_loop().run_in_executor(&pool, run_a_loop);
}

TEST(process_pool_executor, can_run_a_loop_in_a_process_of_a_pool_made_on_a_loop) {
    EXPECT_EQ(asyncio::run(loop_in_a_process), 42);
}

TEST(process_pool_executor, has_as_many_processes_as_cores_by_default) {
    const process_pool_executor pool;
    EXPECT_EQ(pool.max_workers(), std::max(1u, std::thread::hardware_concurrency()));
    EXPECT_EQ(pool.worker_count(), 0u);  // none is started before there is work
}

}  // namespace process_pool_executor_test
