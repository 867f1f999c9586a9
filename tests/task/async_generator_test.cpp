#include "asyncio/task/async_generator.hpp"

#include <gtest/gtest.h>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "compose/situations.hpp"
#include "task/generators.hpp"

namespace async_generator_test {

using asyncio::async_generator;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::future;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using namespace generators;
using namespace situations;

using names = std::vector<std::string>;

TEST(async_generator, yields_in_order_and_then_nothing) {
    const auto main = []() -> coroutine<> {
        const async_generator<int> gen = count(2);
        const std::optional<int> one = co_await gen.next();
        EXPECT_EQ(one, 1);
        const std::optional<int> two = co_await gen.next();
        EXPECT_EQ(two, 2);
        for (int i = 0; i < 2; ++i) {
            const std::optional<int> none = co_await gen.next();
            EXPECT_EQ(none, std::nullopt);
        }
        const std::vector<int> items = co_await all(count(5, 1));
        EXPECT_EQ(items, (std::vector<int>{1, 2, 3, 4, 5}));
        const std::vector<int> empty = co_await all(count(0));
        EXPECT_TRUE(empty.empty());
    };
    run(main);
}

TEST(async_generator, runs_nothing_before_its_first_next) {
    names log;
    const auto gen = [](names& l, std::shared_ptr<int>) -> async_generator<int> {
        l.push_back("started");
        co_yield 1;
    };
    const auto argument = std::make_shared<int>(0);
    const auto main = [&]() -> coroutine<> {
        {
            const auto g = gen(log, argument);
            EXPECT_EQ(log, names{});
            const auto awaited_never = g.next();
            (void)awaited_never;
        }
        EXPECT_EQ(argument.use_count(), 1) << "one that never ran is dropped with its arguments";
        const auto g = gen(log, argument);
        co_await g.next();
        EXPECT_EQ(log, names{"started"});
    };
    run(main);
}

TEST(async_generator, is_consumed_by_loops_that_gcc_12_compiles) {
    const auto main = []() -> coroutine<int> {
        int sum = 0;
        auto first = count(3, 1);
        for (auto item = co_await first.next(); item; item = co_await first.next()) sum += *item;
        auto second = count(4);
        while (true) {
            const auto item = co_await second.next();
            if (!item) break;
            sum += *item;
        }
        auto third = count(5);
        for (;;) {
            auto item = co_await third.next();
            if (!item || *item == 3) break;
            sum += *item;
        }
        co_return sum;
    };
    EXPECT_EQ(run(main), 6 + 10 + 3);
}

TEST(async_generator, yields_what_cannot_be_copied_and_copies_what_is_named) {
    const auto main = []() -> coroutine<> {
        const auto owners = []() -> async_generator<std::unique_ptr<int>> {
            auto named = std::make_unique<int>(1);
            co_yield std::move(named);
            co_yield std::make_unique<int>(2);
        };
        const auto owned = co_await all(owners());
        EXPECT_EQ(*owned[0] + *owned[1], 3);
        const auto texts = []() -> async_generator<std::string> {
            const std::string constant(50, 'c');
            std::string named(50, 'n');
            co_yield constant;
            co_yield named;
            EXPECT_EQ(named.size(), 50u) << "it was copied";
            co_yield "converted";
            co_yield std::string(50, 't');
        };
        const auto strings = co_await all(texts());
        EXPECT_EQ(strings, (names{std::string(50, 'c'), std::string(50, 'n'), "converted",
                                  std::string(50, 't')}));
        const auto pairs = []() -> async_generator<std::pair<std::string, int>> {
            co_yield {std::string(50, 'p'), 1};
        };
        const auto braces = co_await all(pairs());
        EXPECT_EQ(braces[0].first.size(), 50u);
        const auto flags = []() -> async_generator<bool> {
            co_yield false;
            co_yield true;
        };
        int seen = 0;
        const auto gen = flags();
        for (auto item = co_await gen.next(); item; item = co_await gen.next()) ++seen;
        EXPECT_EQ(seen, 2) << "a false is an item as well";
    };
    run(main);
}

TEST(async_generator, yields_references_as_pointers) {
    const auto main = []() -> coroutine<> {
        std::vector<int> numbers{1, 2, 3};
        const auto each = [](std::vector<int>& v) -> async_generator<int&> {
            for (int& n : v) co_yield n;
        };
        auto gen = each(numbers);
        for (int* item = co_await gen.next(); item != nullptr; item = co_await gen.next())
            *item *= 2;
        EXPECT_EQ(numbers, (std::vector<int>{2, 4, 6}));
        const auto constants = []() -> async_generator<const std::string&> {
            const std::string named = "named";
            co_yield named;
            co_yield std::string("temporary");
        };
        auto texts = constants();
        const std::string* first = co_await texts.next();
        EXPECT_EQ(*first, "named");
        const std::string* second = co_await texts.next();
        EXPECT_EQ(*second, "temporary");
        const std::string* end = co_await texts.next();
        EXPECT_EQ(end, nullptr);
    };
    run(main);
}

TEST(async_generator, runs_in_the_task_of_whoever_awaits_it) {
    const auto whose = []() -> async_generator<std::string> {
        for (;;) {
            co_await sleep(0s);
            co_yield current_task().get_name();
        }
    };
    const auto main = [&]() -> coroutine<> {
        auto gen = whose();
        const auto take = [&]() -> coroutine<std::string> {
            const auto item = co_await gen.next();
            co_return *item;
        };
        for (const std::string_view name : {"a", "b"}) {
            const auto t = create_task(take(), {.name = name});
            const std::string seen = co_await t;
            EXPECT_EQ(seen, name);
        }
    };
    run(main);
}

TEST(async_generator, shows_its_awaits_in_the_stack_of_the_task) {
    const auto waits = []() -> async_generator<int> {
        co_yield 1;
        co_await sleep(1h);
    };
    const auto main = [&]() -> coroutine<> {
        const auto t = create_task([&]() -> coroutine<> {
            const auto gen = waits();
            co_await gen.next();
            co_await gen.next();
        });
        co_await rounds(3);
        const auto stack = t.get_stack();
        EXPECT_EQ(stack.size(), 3u);
        EXPECT_NE(std::string(stack.back().where.file_name()).find("async_generator_test.cpp"),
                  std::string::npos);
        EXPECT_LT(stack.back().where.line(), stack[1].where.line());
        const std::string text = asyncio::detail::format_stack(
            static_cast<asyncio::detail::task_state_base&>(*t.state()));
        EXPECT_NE(text.find("waits for a sleep"), std::string::npos) << text;
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
    };
    run(main);
}

async_generator<int> tree(int depth) {
    if (depth == 0) co_return;
    auto left = tree(depth - 1);
    for (auto item = co_await left.next(); item; item = co_await left.next()) co_yield *item;
    co_await sleep(0s);
    co_yield depth;
}

TEST(async_generator, consumes_generators_in_turn) {
    const auto main = []() -> coroutine<> {
        const auto items = co_await all(tree(200));  // deeper than one native stack goes
        EXPECT_EQ(items.size(), 200u);
        EXPECT_EQ(items.front(), 1);
        EXPECT_EQ(items.back(), 200);
    };
    run(main);
}

TEST(async_generator, ends_with_an_error_of_its_body) {
    const auto fails = [](int after_rounds) -> async_generator<int> {
        co_yield 1;
        co_await fail("x", after_rounds);
        co_yield 2;
    };
    const auto main = [&]() -> coroutine<> {
        for (const int after_rounds : {0, 2}) {
            const auto gen = fails(after_rounds);
            co_await gen.next();
            const std::string how = co_await ending(gen.next());
            EXPECT_EQ(how, "std::runtime_error: x");
            const auto none = co_await gen.next();
            EXPECT_EQ(none, std::nullopt);
        }
    };
    run(main);
}

TEST(async_generator, refuses_two_awaits_at_a_time) {
    const std::string refused =
        "std::runtime_error: asyncio: this async_generator is running already: one await of its "
        "next(), athrow() or aclose() at a time";
    const auto main = [&]() -> coroutine<> {
        const auto gen = count(2, 2);
        const auto first = create_task(gen.next());
        co_await sleep(0s);
        names log;
        log.push_back(co_await ending(gen.next()));
        log.push_back(co_await ending(gen.aclose()));
        log.push_back(co_await ending(gen.athrow(std::make_exception_ptr(1))));
        EXPECT_EQ(log, (names{refused, refused, refused}));
        const std::optional<int>& item = co_await first;
        EXPECT_EQ(item, 1) << "the one that ran is not disturbed";
        async_generator<int>* self = nullptr;
        const auto recursive = [&]() -> async_generator<int> {
            co_await self->next();
            co_yield 1;
        };
        auto itself = recursive();
        self = &itself;
        const std::string how = co_await ending(itself.next());
        EXPECT_EQ(how, refused);
    };
    run(main);
}

TEST(async_generator, that_was_moved_from_says_so) {
    const auto main = []() -> coroutine<> {
        auto gen = count(2);
        co_await gen.next();
        const auto moved = std::move(gen);
        const auto item = co_await moved.next();
        EXPECT_EQ(item, 2);
        const std::string how = co_await ending(gen.next());
        EXPECT_EQ(how,
                  "asyncio::invalid_state_error: asyncio: this async_generator was moved from");
    };
    run(main);
}

TEST(async_generator, is_taken_wherever_something_to_await_is) {
    const auto main = []() -> coroutine<> {
        const auto a = count(2);
        const auto b = count(2, 1);
        const auto [x, y] = co_await asyncio::gather(a.next(), b.next());
        EXPECT_EQ(*x + *y, 2);
        const auto limited = co_await asyncio::wait_for(b.next(), 1h);
        EXPECT_EQ(limited, 2);
        const auto t = create_task(a.next());
        const std::optional<int>& two = co_await t;
        EXPECT_EQ(two, 2);
    };
    run(main);
    const auto gen = count(1);
    EXPECT_EQ(run(gen.next()), 1);
}

}  // namespace async_generator_test
