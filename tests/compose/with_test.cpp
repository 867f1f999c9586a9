#include "asyncio/compose/with.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"

namespace with_test {

using asyncio::coroutine;
using asyncio::create_task;
using asyncio::run;
using asyncio::sleep;
using asyncio::with;
using namespace situations;

using names = std::vector<std::string>;

/// Both ends take their time.
class patient {
   public:
    explicit patient(names& log) : log_(&log) {}
    coroutine<> enter() {
        co_await rounds(1);
        log_->push_back("enter");
    }
    coroutine<> exit(std::exception_ptr error) {
        co_await rounds(2);
        log_->push_back(error ? "exit with an error" : "exit");
    }
    void say(std::string what) { log_->push_back(std::move(what)); }

   private:
    names* log_;
};

/// Both ends are plain, and it deals with every error.
class forgiving {
   public:
    void enter() { ++entered; }
    bool exit(const std::exception_ptr&) {
        ++left;
        return true;
    }
    int entered = 0;
    int left = 0;
};

/// Takes no interest in errors.
class plain {
   public:
    void enter() { ++entered; }
    void exit() { ++left; }
    int entered = 0;
    int left = 0;
};

coroutine<> body_of_nothing() { co_await rounds(1); }
coroutine<int> body_of_two() { co_return co_await give(2, 1); }

TEST(with, enters_runs_the_body_and_leaves) {
    const auto main = []() -> coroutine<names> {
        names log;
        const auto body = [](patient& p) -> coroutine<> {
            p.say("body");
            co_await sleep(0s);
        };
        co_await with(patient(log), body);
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"enter", "body", "exit"}));
}

TEST(with, runs_nothing_before_it_is_awaited) {
    plain context;
    const auto main = [&]() -> coroutine<> {
        auto block = with(context, []() -> coroutine<> { co_return; });
        EXPECT_EQ(context.entered, 0);
        co_await std::move(block);
        EXPECT_EQ(context.entered, 1);
        EXPECT_EQ(context.left, 1);
    };
    run(main);
}

TEST(with, gives_what_the_body_gives) {
    const auto main = []() -> coroutine<> {
        static int number = 5;
        const auto value = []() -> coroutine<int> { co_return 1; };
        const auto owned = [](plain&) -> coroutine<std::unique_ptr<int>> {
            co_return std::make_unique<int>(2);
        };
        const auto reference = []() -> coroutine<int&> { co_return number; };
        const auto library = [] { return sleep(0s, 3); };
        const auto foreign = [](auto&) { return threaded_foreign(4); };
        const int one = co_await with(plain(), value);
        EXPECT_EQ(one, 1);
        const std::unique_ptr<int> two = co_await with(plain(), owned);
        EXPECT_EQ(*two, 2);
        int& r = co_await with(plain(), reference);
        EXPECT_EQ(&r, &number);
        const int three = co_await with(plain(), library);
        EXPECT_EQ(three, 3);
        const int four = co_await with(plain(), foreign);
        EXPECT_EQ(four, 4);
        co_await with(plain(), body_of_nothing);
    };
    run(main);
}

TEST(with, runs_wherever_something_to_await_is_taken) {
    const auto body = [](forgiving&) -> coroutine<int> { co_return co_await give(1, 2); };
    EXPECT_EQ(run(with(forgiving(), body)), 1);
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task(with(forgiving(), body));
        const int from_task = co_await t;
        EXPECT_EQ(from_task, 1);
        const auto [a, b] =
            co_await asyncio::gather(with(plain(), std::ref(body_of_two)), with(forgiving(), body));
        EXPECT_EQ(a + b, 3);
        const int limited = co_await asyncio::wait_for(with(forgiving(), body), 1h);
        EXPECT_EQ(limited, 1);
    };
    run(main);
}

TEST(with, keeps_a_body_that_owns_something) {
    const auto main = []() -> coroutine<> {
        const auto shared = std::make_shared<int>(3);
        const auto body = [shared](plain&) -> coroutine<int> {
            co_await sleep(0s);
            co_return *shared;
        };
        const int value = co_await with(plain(), body);
        EXPECT_EQ(value, 3);
        auto unique = [owned = std::make_unique<int>(4)](plain&) -> coroutine<int> {
            co_await sleep(0s);
            co_return *owned;
        };
        const int four = co_await with(plain(), std::ref(unique));
        EXPECT_EQ(four, 4);
        EXPECT_EQ(shared.use_count(), 2);
    };
    run(main);
}

TEST(with, leaves_when_the_body_fails_and_throws_its_error) {
    const auto main = []() -> coroutine<names> {
        names log;
        const auto fails = [](patient&) -> coroutine<> { co_await fail("x", 1); };
        log.push_back(co_await ending(with(patient(log), fails)));
        const auto at_once = [](patient&) -> coroutine<> { throw std::runtime_error("no await"); };
        log.push_back(co_await ending(with(patient(log), at_once)));
        const auto not_a_coroutine = [](patient&) -> coroutine<int> {
            throw std::runtime_error("before the coroutine");
            return give(1);
        };
        log.push_back(co_await ending(with(patient(log), not_a_coroutine)));
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"enter", "exit with an error", "std::runtime_error: x", "enter",
                                "exit with an error", "std::runtime_error: no await", "enter",
                                "exit with an error", "std::runtime_error: before the coroutine"}));
}

TEST(with, forgets_an_error_that_the_exit_has_dealt_with) {
    const auto main = []() -> coroutine<> {
        forgiving context;
        const auto fails = []() -> coroutine<> { co_await fail("x"); };
        co_await with(context, fails);
        EXPECT_EQ(context.left, 1);
        const auto no_value = []() -> coroutine<int> { co_return co_await fail("no value"); };
        const std::string how = co_await ending(with(context, no_value));
        EXPECT_EQ(how, "std::runtime_error: no value") << "there is nothing else to give";
        const auto cancelled = []() -> coroutine<int> {
            throw asyncio::cancelled_error("inside");
            co_return 1;
        };
        const std::string instead = co_await ending(with(context, cancelled));
        EXPECT_EQ(instead,
                  "asyncio::invalid_state_error: asyncio: with: the body was cancelled by its own "
                  "context (task_group::cancel()), so it has no value to give; let such a body "
                  "return nothing and keep its result outside");
    };
    run(main);
}

TEST(with, does_not_leave_what_it_could_not_enter) {
    struct closed {
        void enter() { throw std::runtime_error("closed"); }
        void exit() { ++left; }
        int left = 0;
    };
    const auto main = []() -> coroutine<> {
        closed context;
        bool ran = false;
        const auto body = [&](closed&) -> coroutine<> {
            ran = true;
            co_return;
        };
        const std::string how = co_await ending(with(context, body));
        EXPECT_EQ(how, "std::runtime_error: closed");
        EXPECT_EQ(context.left, 0);
        EXPECT_FALSE(ran);
    };
    run(main);
}

TEST(with, throws_what_the_exit_throws) {
    class failing {
       public:
        void enter() {}
        coroutine<> exit() { co_await fail("exit", 1); }
    };
    const auto main = []() -> coroutine<names> {
        names log;
        const auto good = []() -> coroutine<int> { co_return 1; };
        const auto bad = []() -> coroutine<> { co_await fail("body"); };
        log.push_back(co_await ending(with(failing(), good)));
        log.push_back(co_await ending(with(failing(), bad)));
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"std::runtime_error: exit", "std::runtime_error: exit"}));
}

TEST(with, takes_the_exit_by_the_error_and_bool_that_is_awaited) {
    class asks {
       public:
        coroutine<> enter() { co_return; }
        coroutine<bool> exit(std::exception_ptr error) {
            co_await rounds(1);
            co_return error != nullptr;
        }
    };
    const auto main = []() -> coroutine<std::string> {
        const auto bad = []() -> coroutine<> { co_await fail("body"); };
        co_return co_await ending(with(asks(), bad));
    };
    EXPECT_EQ(run(main), "done");
}

TEST(with, cancelled_leaves_in_order_and_goes_on) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto waits = [](patient& p) -> coroutine<> {
            p.say("body");
            co_await sleep(1h);
        };
        const auto block = [&]() -> coroutine<> { co_await with(patient(log), waits); };
        const auto before = create_task(block);
        before.cancel();
        const std::string not_started = co_await ending(before);
        EXPECT_EQ(not_started, "cancelled");
        EXPECT_EQ(log, names{});

        const auto entering = create_task(block);
        co_await sleep(0s);
        entering.cancel("while it enters");
        const std::string not_entered = co_await ending(entering);
        EXPECT_EQ(not_entered, "cancelled: while it enters");
        EXPECT_EQ(log, names{});

        const auto inside = create_task(block);
        co_await rounds(3);
        inside.cancel("in the body");
        const std::string in_body = co_await ending(inside);
        EXPECT_EQ(in_body, "cancelled: in the body");
        EXPECT_EQ(log, (names{"enter", "body", "exit with an error"}));

        log.clear();
        const auto leaving = create_task(block);
        co_await rounds(3);
        leaving.cancel("first");
        co_await rounds(1);
        leaving.cancel("while it leaves");
        const std::string in_exit = co_await ending(leaving);
        EXPECT_EQ(in_exit, "cancelled: while it leaves") << "a second cancel reaches the exit";
    };
    run(main);
}

// Decision A
TEST(with, keeps_the_value_of_a_body_that_ends_in_the_round_of_a_cancel) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const auto f = new_future();
        const auto body = [f](plain&) -> coroutine<int> { co_return co_await f; };
        const auto t = create_task([&]() -> coroutine<> {
            const int value = co_await with(plain(), body);
            log.push_back(std::to_string(value));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        t.cancel("late");
        co_await t;
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late"}));
}

TEST(with, nests) {
    const auto main = []() -> coroutine<names> {
        names log;
        patient outer(log);
        patient inner(log);
        const auto innermost = [](patient& p) -> coroutine<> {
            p.say("both");
            co_return;
        };
        const auto middle = [&](patient&) -> coroutine<> { co_await with(inner, innermost); };
        co_await with(outer, middle);
        co_return log;
    };
    EXPECT_EQ(run(main), (names{"enter", "enter", "both", "exit", "exit"}));
}

TEST(with, destroys_context_and_body_when_its_loop_is_closed) {
    const auto alive = std::make_shared<int>(0);
    class holder {
       public:
        explicit holder(std::shared_ptr<int> p) : p_(std::move(p)) {}
        void enter() {}
        void exit() {}

       private:
        std::shared_ptr<int> p_;
    };
    close_in_the_middle([&]() -> coroutine<> {
        const auto body = [alive](holder&) -> coroutine<> { co_await sleep(1h); };
        co_await with(holder(alive), body);
    });
    EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace with_test
