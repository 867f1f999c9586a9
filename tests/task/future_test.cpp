#include "asyncio/task/future.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/sleep.hpp"
#include "asyncio/task/context.hpp"
#include "asyncio/task/task.hpp"
#include "support/errors.hpp"
#include "support/manual_backend.hpp"

namespace future_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::error_of;
using support::manual_loop;
using support::reports;

class future_test : public ::testing::Test {
   protected:
    manual_loop loop_;
    reports told_{*loop_};
};
using set_once = future_test;
using callbacks = future_test;
using awaiting = future_test;
using retrieval = future_test;
using handles = future_test;

coroutine<int> await_it(future<int> f) { co_return co_await f; }
coroutine<> await_nothing(future<> f) { co_await f; }

// S31: set once; asked too early; cancel() on a done one is false.
TEST_F(set_once, with_a_result) {
    const auto f = loop_->create_future<int>();
    EXPECT_FALSE(f.done());
    EXPECT_FALSE(f.cancelled());
    EXPECT_EQ(error_of([&] { (void)f.result(); }),
              "asyncio::invalid_state_error: asyncio: the result is not set yet: co_await the "
              "future instead of asking, or ask done() first");
    EXPECT_THROW((void)f.exception(), invalid_state_error);
    f.set_result(3);
    EXPECT_TRUE(f.done());
    EXPECT_EQ(f.result(), 3);
    EXPECT_EQ(f.exception(), nullptr);
    EXPECT_FALSE(f.cancel());
    EXPECT_FALSE(f.cancelled());
    EXPECT_EQ(error_of([&] { f.set_result(4); }),
              "asyncio::invalid_state_error: asyncio: set_result: the future is done already; a "
              "future is set once (ask done() first)");
    EXPECT_EQ(error_of([&] { f.set_exception(std::runtime_error("x")); }),
              "asyncio::invalid_state_error: asyncio: set_exception: the future is done already; a "
              "future is set once (ask done() first)");
    EXPECT_EQ(f.result(), 3);
}

TEST_F(set_once, with_an_exception) {
    const auto f = loop_->create_future<int>();
    f.set_exception(std::runtime_error("no"));
    EXPECT_TRUE(f.done());
    EXPECT_EQ(error_of([&] { (void)f.result(); }), "std::runtime_error: no");
    EXPECT_EQ(detail::describe(f.exception()), "std::runtime_error: no");
    EXPECT_FALSE(f.cancel());
    EXPECT_THROW(f.set_result(1), invalid_state_error);
    const auto g = loop_->create_future();
    g.set_exception(std::make_exception_ptr(42));
    EXPECT_EQ(error_of([&] { g.result(); }), "int: 42");
}

TEST_F(set_once, refuses_no_exception) {
    const auto f = loop_->create_future<int>();
    EXPECT_EQ(error_of([&] { f.set_exception(std::exception_ptr()); }),
              "std::invalid_argument: asyncio: set_exception: the exception is null");
    EXPECT_FALSE(f.done());
}

TEST_F(set_once, with_a_cancel) {
    const auto f = loop_->create_future<int>();
    EXPECT_TRUE(f.cancel("enough"));
    EXPECT_TRUE(f.cancelled() && f.done());
    EXPECT_FALSE(f.cancel());
    // S57: the message reaches result() and exception().
    for (int i = 0; i < 2; ++i) {
        try {
            if (i == 0)
                (void)f.result();
            else
                (void)f.exception();
            ADD_FAILURE();
        } catch (const cancelled_error& e) {
            EXPECT_EQ(e.message(), "enough");
            EXPECT_EQ(e.reason().kind, cancel_kind::explicit_request);
            EXPECT_NE(std::string(e.reason().where.file_name()).find("future_test"),
                      std::string::npos);
        }
    }
    EXPECT_EQ(error_of([&] { f.set_result(4); }),
              "asyncio::invalid_state_error: asyncio: set_result: the future is cancelled already; "
              "a future is set once (ask done() first)");
}

TEST_F(set_once, a_cancelled_error_cancels) {
    const auto f = loop_->create_future<int>();
    f.set_exception(cancelled_error("as an error"));
    EXPECT_TRUE(f.cancelled());
    EXPECT_THROW((void)f.result(), cancelled_error);
}

TEST_F(set_once, nothing_a_reference_and_what_only_moves) {
    const auto nothing = loop_->create_future();
    nothing.set_result();
    nothing.result();
    int n = 1;
    const auto reference = loop_->create_future<int&>();
    reference.set_result(n);
    reference.result() = 2;
    EXPECT_EQ(n, 2);
    auto unique = loop_->create_future<std::unique_ptr<int>>();
    unique.set_result(std::make_unique<int>(3));
    EXPECT_EQ(*unique.result(), 3);
    EXPECT_EQ(*std::move(unique).result(), 3);
}

struct picky {
    explicit picky(int n) : value(n) {
        if (n < 0) throw std::runtime_error("negative");
    }
    int value;
};

TEST_F(set_once, a_value_that_cannot_be_made_leaves_it_pending) {
    const auto f = loop_->create_future<picky>();
    EXPECT_THROW(f.set_result(-1), std::runtime_error);
    EXPECT_FALSE(f.done());
    f.set_result(1);
    EXPECT_EQ(f.result().value, 1);
}

TEST_F(handles, share_one_future) {
    const auto f = loop_->create_future<std::string>();
    const future<std::string> copy = f;
    const future<> erased = f;
    EXPECT_TRUE(copy == f);
    EXPECT_FALSE(copy == loop_->create_future<std::string>());
    copy.set_result("x");
    EXPECT_TRUE(f.done() && erased.done());
    f.result() += "y";
    EXPECT_EQ(copy.result(), "xy");
    erased.result();
    EXPECT_EQ(&f.get_loop(), loop_.loop.get());
    static_assert(std::is_same_v<decltype(f)::value_type, std::string>);
}

TEST_F(handles, empty_ones_say_so) {
    const future<int> none;
    const char* expected =
        "asyncio::invalid_state_error: asyncio: this future or task handle is empty: it was "
        "default-constructed or moved from";
    EXPECT_FALSE(none.valid());
    EXPECT_EQ(error_of([&] { (void)none.result(); }), expected);
    EXPECT_EQ(error_of([&] { (void)none.exception(); }), expected);
    EXPECT_EQ(error_of([&] { none.set_result(1); }), expected);
    EXPECT_EQ(error_of([&] { none.set_exception(std::runtime_error("x")); }), expected);
    EXPECT_EQ(error_of([&] { (void)none.done(); }), expected);
    EXPECT_EQ(error_of([&] { (void)none.cancelled(); }), expected);
    EXPECT_EQ(error_of([&] { none.cancel(); }), expected);
    EXPECT_EQ(error_of([&] { none.add_done_callback([](const future<int>&) {}); }), expected);
    EXPECT_EQ(error_of([&] { none.remove_done_callback(1); }), expected);
    EXPECT_EQ(error_of([&] { (void)none.get_loop(); }), expected);
    EXPECT_EQ(error_of([&] { loop_->run_until_complete(none); }), expected);
    EXPECT_EQ(error_of([&] { loop_->run_until_complete(await_it(none)); }), expected);
    const auto moves = []() -> coroutine<int> { co_return co_await future<int>(); };
    EXPECT_EQ(error_of([&] { loop_->run_until_complete(moves()); }), expected);
}

TEST_F(handles, another_type_cannot_set_it) {
    const auto f = loop_->create_future<int>();
    const future<> erased = f;
    EXPECT_EQ(error_of([&] { erased.set_result(); }),
              "asyncio::invalid_state_error: asyncio: set_result through a future<> of another "
              "type: set it through the typed handle");
    erased.set_exception(std::runtime_error("errors have no type"));
    EXPECT_NE(f.exception(), nullptr);
}

TEST_F(handles, what_only_moves_is_not_shared_by_moving) {
    auto f = loop_->create_future<std::unique_ptr<int>>();
    const auto other = f;
    f.set_result(std::make_unique<int>(1));
    EXPECT_EQ(error_of([&] { (void)std::move(f).result(); }),
              "asyncio::invalid_state_error: asyncio: this result cannot be copied and other "
              "handles share it: co_await the named future to get a reference, or drop the other "
              "handles");
    EXPECT_EQ(*other.result(), 1);
}

TEST_F(handles, a_copy_is_given_while_others_share_it) {
    auto f = loop_->create_future<std::string>();
    const auto other = f;
    f.set_result("text");
    EXPECT_EQ(std::move(f).result(), "text");
    EXPECT_EQ(other.result(), "text");
}

// S32: callbacks never run synchronously, in the order of registration, also on a done one.
TEST_F(callbacks, run_soon_and_in_order) {
    std::vector<int> log;
    const auto f = loop_->create_future<int>();
    for (int i = 0; i < 3; ++i)
        f.add_done_callback([&log, i](const future<int>& g) { log.push_back(i + g.result()); });
    f.set_result(10);
    EXPECT_TRUE(log.empty());
    loop_->run_ready();
    EXPECT_EQ(log, (std::vector{10, 11, 12}));
    f.add_done_callback([&](future<int> g) { log.push_back(g.result()); });
    EXPECT_EQ(log.size(), 3u);
    loop_->run_ready();
    EXPECT_EQ(log.back(), 10);
}

TEST_F(callbacks, learn_of_errors_and_cancels) {
    std::string log;
    const auto look = [&](const future<int>& f) {
        log += f.cancelled() ? "c" : f.exception() ? "e" : "v";
    };
    const auto a = loop_->create_future<int>();
    const auto b = loop_->create_future<int>();
    a.add_done_callback(look);
    b.add_done_callback(look);
    b.cancel();
    a.set_exception(std::runtime_error("x"));
    loop_->run_ready();
    EXPECT_EQ(log, "ce");
}

// S33: removal, and mutation while they run.
TEST_F(callbacks, are_removed_by_their_id) {
    std::vector<int> log;
    const auto f = loop_->create_future<int>();
    const auto add = [&](int i) {
        return f.add_done_callback([&log, i](const future<int>&) { log.push_back(i); });
    };
    add(1);
    const std::uint64_t second = add(2);
    add(3);
    EXPECT_EQ(f.remove_done_callback(second), 1u);
    EXPECT_EQ(f.remove_done_callback(second), 0u);
    EXPECT_EQ(f.remove_done_callback(12345678), 0u);
    EXPECT_EQ(f.remove_done_callback(0), 0u);
    f.set_result(0);
    loop_->run_ready();
    EXPECT_EQ(log, (std::vector{1, 3}));
}

TEST_F(callbacks, may_add_and_remove_others) {
    std::string log;
    const auto f = loop_->create_future<int>();
    std::uint64_t later = 0;
    f.add_done_callback([&](const future<int>& g) {
        log += "a";
        EXPECT_EQ(g.remove_done_callback(later), 0u);  // it is scheduled already
        g.add_done_callback([&](const future<int>&) { log += "c"; });
    });
    later = f.add_done_callback([&](const future<int>&) { log += "b"; });
    f.set_result(1);
    loop_->run_ready();
    EXPECT_EQ(log, "abc");
}

// S34: one that throws is reported and does not stop the others.
TEST_F(callbacks, that_throw_are_reported) {
    bool second = false;
    const auto f = loop_->create_future<int>();
    f.add_done_callback([](const future<int>&) { throw std::runtime_error("in the callback"); });
    f.add_done_callback([&](const future<int>&) { second = true; });
    f.set_result(1);
    loop_->run_ready();
    EXPECT_TRUE(second);
    EXPECT_TRUE(
        told_.contains("Exception in a done callback||std::runtime_error: in the callback"));
}

TEST_F(callbacks, run_in_the_context_of_their_registration) {
    static context_var<int> variable("variable");
    std::vector<int> log;
    const auto f = loop_->create_future<int>();
    context c;
    c.run([&] {
        (void)variable.set(5);
        f.add_done_callback([&](const future<int>&) { log.push_back(variable.get(-1)); });
    });
    f.add_done_callback([&](const future<int>&) { log.push_back(variable.get(-1)); });
    f.set_result(0);
    loop_->run_ready();
    EXPECT_EQ(log, (std::vector{5, -1}));
}

TEST_F(callbacks, null_is_refused) {
    const auto f = loop_->create_future<int>();
    void (*none)(future<int>) = nullptr;
    EXPECT_EQ(error_of([&] { f.add_done_callback(none); }),
              "std::invalid_argument: asyncio: the callback is null: pass a function that can be "
              "called");
    EXPECT_THROW(f.add_done_callback(std::function<void(future<int>)>()), std::invalid_argument);
}

TEST_F(callbacks, die_with_a_future_that_nobody_sets) {
    auto owned = std::make_shared<int>(1);
    {
        const auto f = loop_->create_future<int>();
        f.add_done_callback([owned](const future<int>&) {});
        EXPECT_EQ(owned.use_count(), 2);
    }
    EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(callbacks, may_drop_the_last_handle) {
    auto f = std::make_unique<future<int>>(loop_->create_future<int>());
    (*f).add_done_callback([&](const future<int>&) { f.reset(); });
    f->set_result(1);
    loop_->run_ready();
    EXPECT_EQ(f, nullptr);
}

// S37: awaiting a done future does not yield.
TEST_F(awaiting, a_done_one_does_not_yield) {
    const auto f = loop_->create_future<int>();
    f.set_result(3);
    const auto turns = [](event_loop& l, future<int> g) -> coroutine<std::uint64_t> {
        const std::uint64_t before = l.turns;
        (void)co_await g;
        co_return l.turns - before;
    };
    EXPECT_EQ(loop_->run_until_complete(turns(*loop_, f)), 0u);
}

TEST_F(awaiting, gives_a_reference_or_the_value) {
    const auto f = loop_->create_future<std::string>();
    const auto reads = [](future<std::string> g) -> coroutine<std::string> {
        std::string& shared = co_await g;
        shared += "!";
        const std::string copied = co_await future<std::string>(g);
        const std::string moved = co_await std::move(g);
        EXPECT_EQ(copied, moved);
        co_return moved;
    };
    loop_->call_soon([f] { f.set_result("text"); });
    EXPECT_EQ(loop_->run_until_complete(reads(f)), "text!");
    EXPECT_EQ(f.result(), "text!");
}

TEST_F(awaiting, the_last_handle_gives_what_only_moves) {
    auto f = loop_->create_future<std::unique_ptr<int>>();
    f.set_result(std::make_unique<int>(3));
    const auto takes = [](future<std::unique_ptr<int>> g) -> coroutine<int> {
        const std::unique_ptr<int> p = co_await std::move(g);
        co_return *p;
    };
    EXPECT_EQ(loop_->run_until_complete(takes(std::move(f))), 3);
}

TEST_F(awaiting, waiters_resume_in_order_and_see_the_same_object) {
    std::vector<int> log;
    const auto f = loop_->create_future<int>();
    const auto waits = [](future<int> g, int id, std::vector<int>& l) -> coroutine<const int*> {
        const int& n = co_await g;
        l.push_back(id);
        co_return &n;
    };
    const auto a = loop_->create_task(waits(f, 1, log));
    const auto b = loop_->create_task(waits(f, 2, log));
    loop_->run_ready();
    f.set_result(3);
    EXPECT_TRUE(log.empty());
    loop_->run_ready();
    EXPECT_EQ(log, (std::vector{1, 2}));
    EXPECT_EQ(a.result(), b.result());
}

TEST_F(awaiting, throws_what_was_set) {
    const auto f = loop_->create_future<int>();
    loop_->call_soon([f] { f.set_exception(std::runtime_error("set")); });
    EXPECT_EQ(error_of([&] { loop_->run_until_complete(await_it(f)); }), "std::runtime_error: set");
    const auto g = loop_->create_future();
    loop_->call_soon([g] { g.cancel("stop"); });
    EXPECT_EQ(error_of([&] { loop_->run_until_complete(await_nothing(g)); }).substr(0, 50),
              "asyncio::cancelled_error: cancelled: stop (explici");
}

// S38: a future of another loop raises inside the task, where it can be caught.
TEST_F(awaiting, a_future_of_another_loop_raises) {
    const auto other = new_event_loop();
    const auto f = other->create_future<int>();
    const auto catches = [](future<int> g) -> coroutine<std::string> {
        std::string what = "nothing";
        try {
            (void)co_await g;
        } catch (const std::runtime_error& e) {
            what = e.what();
        }
        co_return what;
    };
    EXPECT_EQ(loop_->run_until_complete(catches(f)),
              "asyncio: this future belongs to another event loop; await it there, or use "
              "run_coroutine_threadsafe");
}

TEST_F(awaiting, a_frame_that_is_destroyed_leaves_the_future) {
    const auto f = loop_->create_future<int>();
    {
        const auto doomed = new_event_loop();
        (void)doomed;
        const auto t = loop_->create_task(await_it(f));
        loop_->run_ready();
        EXPECT_EQ(f.state()->waiters().size(), 1u);
        loop_->close();
    }
    EXPECT_EQ(f.state()->waiters().size(), 0u);
    f.set_result(1);
}

// S35: an exception that nobody looked at is reported once, when the last handle dies.
TEST_F(retrieval, an_exception_that_nobody_looked_at_is_reported_once) {
    {
        const auto f = loop_->create_future<int>();
        const auto copy = f;
        f.set_exception(std::runtime_error("lost"));
        loop_->run_ready();
        EXPECT_TRUE(told_.all.empty());
    }
    ASSERT_EQ(told_.all.size(), 1u);
    EXPECT_EQ(told_.all[0].message, "Future exception was never retrieved");
    EXPECT_EQ(detail::describe(told_.all[0].exception), "std::runtime_error: lost");
    // S66: where it was made.
    EXPECT_NE(told_.all[0].details.find("created at "), std::string::npos);
    EXPECT_NE(told_.all[0].details.find("future_test.cpp:"), std::string::npos);
}

TEST_F(retrieval, looking_counts) {
    const auto failed = [&] {
        auto f = loop_->create_future<int>();
        f.set_exception(std::runtime_error("seen"));
        return f;
    };
    EXPECT_THROW((void)failed().result(), std::runtime_error);
    (void)failed().exception();
    EXPECT_FALSE(failed().cancel());
    EXPECT_THROW(loop_->run_until_complete(await_it(failed())), std::runtime_error);
    EXPECT_TRUE(told_.all.empty());
}

// S36: a pending future that is dropped is silent.
TEST_F(retrieval, a_dropped_pending_one_is_silent) {
    (void)loop_->create_future<int>();
    EXPECT_TRUE(told_.all.empty());
}

TEST_F(retrieval, after_the_loop_it_goes_to_standard_error) {
    ::testing::internal::CaptureStderr();
    {
        auto loop = new_event_loop();
        auto f = loop->create_future<int>();
        f.set_exception(std::runtime_error("late"));
        loop.reset();
    }
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("Future exception was never retrieved\n  exception: std::runtime_error: "
                        "late\n  created at"),
              std::string::npos);
}

// A call that nothing would ever run is refused, and nothing is left behind.
TEST(future, refuses_callbacks_once_its_loop_is_closed) {
    int calls = 0;
    const auto count = [&calls](const future<int>&) { ++calls; };
    auto loop = new_event_loop();
    const auto done = loop->create_future<int>();
    done.set_result(1);
    const auto pending = loop->create_future<int>();
    pending.add_done_callback(count);
    loop->close();
    EXPECT_EQ(error_of([&] { done.add_done_callback(count); }),
              "std::runtime_error: asyncio: add_done_callback: the event loop is closed");
    EXPECT_EQ(error_of([&] { pending.set_result(1); }),
              "std::runtime_error: asyncio: set_result: the event loop is closed");
    EXPECT_TRUE(pending.cancel());
    EXPECT_EQ(calls, 0);
}

// S41: rethrowing a stored exception again and again changes nothing about it.
TEST_F(retrieval, the_same_exception_each_time) {
    const auto f = loop_->create_future<int>();
    f.set_exception(std::runtime_error("same"));
    const std::exception_ptr first = f.exception();
    for (int i = 0; i < 3; ++i) {
        EXPECT_THROW((void)f.result(), std::runtime_error);
        EXPECT_EQ(f.exception(), first);
    }
}

}  // namespace future_test
