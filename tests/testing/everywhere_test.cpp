#include "asyncio/testing/everywhere.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/net/resolver.hpp"
#include "asyncio/net/socket.hpp"

namespace everywhere_test {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::sleep;
using asyncio::testing::cancel_everywhere;
using asyncio::testing::cancel_target;
using asyncio::testing::everywhere_failed;
using asyncio::testing::fail_every_allocation;
using asyncio::testing::fail_every_call;

template <class F>
std::string failure_of(F f) {
    try {
        f();
    } catch (const everywhere_failed& e) {
        return e.what();
    }
    ADD_FAILURE() << "nothing has failed";
    return {};
}

int permits = 0;

coroutine<> careful() {
    permits = 3;
    struct permit {
        permit() { --permits; }
        ~permit() { ++permits; }
    };
    const permit p;
    co_await sleep(1s);
    co_await sleep(0s);
    const auto child = create_task(sleep(2s));
    co_await child;
}

void all_permits_are_back() {
    if (permits != 3) throw std::runtime_error("permits: " + std::to_string(permits));
}

TEST(cancel_everywhere, tries_every_suspension_once_and_twice) {
    const auto report = cancel_everywhere(careful, all_permits_are_back);
    // 4 steps of the main task, 3 of which suspend it.
    EXPECT_EQ(report.points, 7u);
    EXPECT_EQ(report.runs, 14u);
    EXPECT_EQ(report.ended_with_error + report.ended_well, report.runs);
    EXPECT_GT(report.ended_with_error, 10u);
}

TEST(cancel_everywhere, reaches_every_task) {
    const auto report = cancel_everywhere(careful, {.target = cancel_target::every_task});
    EXPECT_GT(report.points, 7u);
}

TEST(cancel_everywhere, cancels_nobody_in_the_place_of_a_task_that_has_ended) {
    const auto short_lived = []() -> coroutine<> { co_await sleep(0s); };
    const auto program = [=]() -> coroutine<> {
        auto first = create_task(short_lived());
        try {
            co_await first;
        } catch (const asyncio::cancelled_error&) {
            if (asyncio::current_task().cancelling() > 0) throw;
        }
        first = {};
        co_await create_task(short_lived());  // where the first one was
    };
    const auto report = cancel_everywhere(program, {.target = cancel_target::every_task});
    EXPECT_EQ(report.ended_well, 6u) << "the first task was the target";
}

TEST(cancel_everywhere, tries_some_if_it_is_told_to) {
    EXPECT_LE(cancel_everywhere(careful, {.max_runs = 5}).runs, 5u);
}

coroutine<> careless() {
    permits = 3;
    --permits;
    co_await sleep(1s);
    ++permits;
}

TEST(cancel_everywhere, names_the_await_after_which_something_is_missing) {
    const std::string text = failure_of([] { cancel_everywhere(careless, all_permits_are_back); });
    EXPECT_NE(text.find("cancelled at point 2 of 3"), std::string::npos) << text;
    EXPECT_NE(text.find("task 'main' is cancelled where it is suspended"), std::string::npos)
        << text;
    EXPECT_NE(text.find("everywhere_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("careless"), std::string::npos) << text;
    EXPECT_NE(text.find("the check says: std::runtime_error: permits: 2"), std::string::npos)
        << text;
}

coroutine<> leaks_on_cancel() {
    auto* note = new std::string(100, 'x');
    co_await sleep(1s);
    delete note;
}

TEST(cancel_everywhere, finds_a_leak) {
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the sanitizer has an operator new of its own";
    const std::string text = failure_of([] { cancel_everywhere(leaks_on_cancel); });
    EXPECT_NE(text.find("2 allocations"), std::string::npos) << text;
    EXPECT_NE(text.find("were never freed"), std::string::npos) << text;
    EXPECT_NE(text.find("leaks_on_cancel"), std::string::npos) << text;
}

coroutine<> leaks_always() {
    (void)new std::string(100, 'x');  // NOLINT
    co_await sleep(1s);
}

TEST(cancel_everywhere, finds_a_leak_of_the_program_itself) {
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the sanitizer has an operator new of its own";
    const std::string text = failure_of([] { cancel_everywhere(leaks_always); });
    EXPECT_NE(text.find("the program leaks, undisturbed: 2 allocations"), std::string::npos)
        << text;
    EXPECT_NE(text.find("everywhere_test.cpp:"), std::string::npos) << text;
}

coroutine<> swallows() {
    for (int i = 0; i < 3; ++i) {
        try {
            co_await asyncio::get_running_loop().create_future();
        } catch (const asyncio::cancelled_error&) {
        }
    }
}
coroutine<> waits_for_ever_if_cancelled() {
    bool cancelled = false;
    try {
        co_await sleep(1s);
    } catch (const asyncio::cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await swallows();
}

TEST(cancel_everywhere, finds_a_hang) {
    const std::string text = failure_of([] { cancel_everywhere(waits_for_ever_if_cancelled); });
    EXPECT_NE(text.find("deadlock"), std::string::npos) << text;
    EXPECT_NE(text.find("swallows"), std::string::npos) << text;
}

coroutine<> throws_instead() {
    try {
        co_await sleep(1s);
    } catch (const asyncio::cancelled_error&) {
        throw std::logic_error("never cancelled before");
    }
}

TEST(cancel_everywhere, accepts_only_a_cancel) {
    const std::string text = failure_of([] { cancel_everywhere(throws_instead); });
    EXPECT_NE(text.find("never cancelled before"), std::string::npos) << text;
    EXPECT_NO_THROW(cancel_everywhere(throws_instead, {.any_error = true}));
}

coroutine<> fails() {
    co_await sleep(1s);
    throw std::runtime_error("by itself");
}

TEST(cancel_everywhere, wants_a_program_that_works) {
    const std::string text = failure_of([] { cancel_everywhere(fails); });
    EXPECT_NE(text.find("undisturbed: std::runtime_error: by itself"), std::string::npos) << text;
}

coroutine<int> work(int n) {
    std::vector<int> v;
    for (int i = 0; i < n; ++i) v.push_back(i);
    co_await sleep(1ms * n);
    co_return static_cast<int>(v.size());
}

coroutine<> many_allocations() {
    const auto [a, b] = co_await asyncio::gather(create_task(work, 3), create_task(work, 5));
    const std::string name(100, static_cast<char>('a' + a + b));
    co_await work(static_cast<int>(name.size()) / 50);
}

TEST(fail_every_allocation, tries_each) {
    const auto report = fail_every_allocation(many_allocations);
    EXPECT_GT(report.points, ASYNCIO_ASAN ? 5u : 15u);
    EXPECT_EQ(report.runs, report.points);
    EXPECT_GT(report.ended_with_error, report.runs / 2);
}

int* volatile first = nullptr;  // a compiler may leave an allocation out that nobody sees

coroutine<> leaks_if_memory_is_short() {
    first = new int(1);
    const auto second = std::make_unique<std::string>(100, 'x');
    delete first;
    co_return;
}

TEST(fail_every_allocation, finds_a_leak_and_names_the_failed_allocation) {
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the sanitizer has an operator new of its own";
    const std::string text = failure_of([] { fail_every_allocation(leaks_if_memory_is_short); });
    EXPECT_NE(text.find("it was made at"), std::string::npos) << text;
    EXPECT_NE(text.find("were never freed"), std::string::npos) << text;
    EXPECT_NE(text.find("everywhere_test.cpp:"), std::string::npos) << text;
}

coroutine<> translates() {
    try {
        co_await work(3);
    } catch (const std::bad_alloc&) {
        throw std::logic_error("out of something");
    }
}

TEST(fail_every_allocation, accepts_only_bad_alloc) {
    if (ASYNCIO_ASAN) GTEST_SKIP() << "the sanitizer has an operator new of its own";
    const std::string text = failure_of([] { fail_every_allocation(translates); });
    EXPECT_NE(text.find("out of something"), std::string::npos) << text;
    EXPECT_NO_THROW(fail_every_allocation(translates, {.any_error = true}));
}

std::string received;

coroutine<> talks_through_a_pair() {
    received.clear();
    auto [a, b] = asyncio::socket::pair();
    auto& loop = asyncio::get_running_loop();
    co_await loop.sock_sendall(a, "hello");
    while (received.size() < 5) {
        const std::string piece = co_await loop.sock_recv(b, 5);
        if (piece.empty()) break;
        received += piece;
    }
}

void nothing_foreign_was_received() {
    asyncio::testing::expect(std::string_view("hello").starts_with(received), received);
}

TEST(fail_every_call, tries_each_error_and_each_short_result) {
    const auto report = fail_every_call(talks_through_a_pair, nothing_foreign_was_received);
    EXPECT_EQ(report.points, 3u);               // a pair is opened, something sent, and received
    EXPECT_GT(report.runs, 2 * report.points);  // most calls can fail in several ways
    EXPECT_GE(report.ended_well, 2u);           // one byte sent, one byte received: it goes on
    EXPECT_EQ(report.ended_with_error, 10u);
}

coroutine<> hides_the_error() {
    try {
        co_await talks_through_a_pair();
    } catch (const std::system_error&) {
        throw std::logic_error("never seen before");
    }
}

TEST(fail_every_call, names_the_call_and_who_made_it) {
    const std::string text = failure_of([] { fail_every_call(hides_the_error); });
    EXPECT_NE(text.find("call 1 of "), std::string::npos) << text;
    EXPECT_NE(text.find("socketpair, failed with Too many open files"), std::string::npos) << text;
    EXPECT_NE(text.find("in task 'main'"), std::string::npos) << text;
    EXPECT_NE(text.find("talks_through_a_pair"), std::string::npos) << text;
    EXPECT_NE(text.find("then: std::logic_error: never seen before"), std::string::npos) << text;
    EXPECT_NO_THROW(fail_every_call(hides_the_error, {.any_error = true}));
}

coroutine<> looks_up() {
    try {
        (void)co_await asyncio::get_running_loop().getaddrinfo("localhost", 80);
    } catch (const std::system_error& e) {
        throw std::logic_error(e.what());
    }
}

TEST(fail_every_call, fails_lookups_as_a_resolver_does) {
    const std::string text = failure_of([] { fail_every_call(looks_up); });
    EXPECT_NE(text.find("getaddrinfo, failed with Name or service not known"), std::string::npos)
        << text;
}

}  // namespace everywhere_test
