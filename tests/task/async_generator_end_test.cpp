// How async generators end: closed, cancelled, dropped, with their run, with their loop.
#include <gtest/gtest.h>

#include "asyncio/compose/wait_for.hpp"
#include "asyncio/task/async_generator.hpp"
#include "compose/situations.hpp"
#include "task/generators.hpp"

namespace async_generator_end_test {

using asyncio::async_generator;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::current_task;
using asyncio::future;
using asyncio::generator_exit;
using asyncio::run;
using asyncio::sleep;
using asyncio::task;
using namespace generators;
using namespace situations;

using names = std::vector<std::string>;

/// Notes how it ends, with an await in its clean-up.
async_generator<int> careful(names& log) {
    std::exception_ptr end;
    try {
        for (int i = 1;; ++i) {
            co_yield i;
            co_await sleep(0s);
        }
    } catch (const generator_exit&) {
        log.push_back("closed");
        end = std::current_exception();
    } catch (const asyncio::cancelled_error&) {
        log.push_back("cancelled");
        end = std::current_exception();
    } catch (const std::exception& e) {
        log.push_back(e.what());
        end = std::current_exception();
    }
    co_await rounds(2);
    log.push_back("cleaned up");
    std::rethrow_exception(end);
}

TEST(async_generator_end, closed_cleans_up_and_ends) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto gen = careful(log);
        co_await gen.next();
        co_await gen.next();
        co_await gen.aclose();
        EXPECT_EQ(log, (names{"closed", "cleaned up"}));
        const auto none = co_await gen.next();
        EXPECT_EQ(none, std::nullopt);
        co_await gen.aclose();
        EXPECT_EQ(log.size(), 2u);
    };
    run(main);
}

TEST(async_generator_end, closed_before_it_starts_never_starts) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto gen = careful(log);
        co_await gen.aclose();
        const auto none = co_await gen.next();
        EXPECT_EQ(none, std::nullopt);
        EXPECT_EQ(log, names{});
    };
    run(main);
}

TEST(async_generator_end, closed_may_return_but_not_yield_or_fail_in_silence) {
    const auto returns = []() -> async_generator<int> {
        try {
            co_yield 1;
        } catch (const generator_exit&) {
        }
    };
    const auto insists = []() -> async_generator<int> {
        for (;;) {
            try {
                co_yield 1;
            } catch (const generator_exit&) {
            }
        }
    };
    const auto fails = []() -> async_generator<int> {
        try {
            co_yield 1;
        } catch (const generator_exit&) {
            throw std::runtime_error("cleanup");
        }
    };
    const auto main = [&]() -> coroutine<> {
        names log;
        for (const auto& gen : list(returns(), insists(), fails())) {
            co_await gen.next();
            log.push_back(co_await ending(gen.aclose()));
            const auto none = co_await gen.next();
            EXPECT_EQ(none, std::nullopt) << "it has ended in every case";
        }
        EXPECT_EQ(log,
                  (names{"done",
                         "std::runtime_error: asyncio: the async_generator ignored generator_exit: "
                         "it must not co_yield while it is being closed",
                         "std::runtime_error: cleanup"}));
    };
    run(main);
}

TEST(async_generator_end, is_no_std_exception_that_a_generator_is_closed_with) {
    const auto swallows = [](names& log) -> async_generator<int> {
        try {
            co_yield 1;
        } catch (const std::exception&) {
            log.push_back("swallowed");
        }
    };
    const auto main = [&]() -> coroutine<> {
        names log;
        const auto gen = swallows(log);
        co_await gen.next();
        co_await gen.aclose();
        EXPECT_EQ(log, names{});
    };
    run(main);
}

TEST(async_generator_end, throws_at_its_co_yield_what_athrow_is_given) {
    const auto answers = []() -> async_generator<std::string> {
        std::string text = "first";
        for (;;) {
            try {
                co_yield text;
                text = "asked";
            } catch (const std::runtime_error& e) {
                text = e.what();
            }
            co_await sleep(0s);
        }
    };
    const auto error = [](const char* what) {
        return std::make_exception_ptr(std::runtime_error(what));
    };
    const auto main = [&]() -> coroutine<> {
        const auto gen = answers();
        co_await gen.next();
        const auto answer = co_await gen.athrow(error("thrown"));
        EXPECT_EQ(answer, "thrown");
        const auto next = co_await gen.next();
        EXPECT_EQ(next, "asked");
        const std::string uncaught = co_await ending(gen.athrow(std::make_exception_ptr(5)));
        EXPECT_EQ(uncaught, "int: 5");
        const auto ended = co_await gen.athrow(error("too late"));
        EXPECT_EQ(ended, std::nullopt);
        const auto fresh = answers();
        const std::string not_started = co_await ending(fresh.athrow(error("early")));
        EXPECT_EQ(not_started, "std::runtime_error: early");
        const auto none = co_await fresh.next();
        EXPECT_EQ(none, std::nullopt);
        const std::string null = co_await ending(fresh.athrow(nullptr));
        EXPECT_EQ(null, "std::invalid_argument: asyncio: athrow: the exception is null");
    };
    run(main);
}

TEST(async_generator_end, dropped_before_its_end_is_destroyed_where_it_stands) {
    const auto holds = [](std::shared_ptr<int> p, names& log) -> async_generator<int> {
        const std::shared_ptr<int> local = p;
        try {
            co_yield 1;
            co_yield 2;
        } catch (const generator_exit&) {
            log.push_back("closed");
            throw;
        }
    };
    const auto main = [&]() -> coroutine<> {
        names log;
        const auto alive = std::make_shared<int>(0);
        {
            const auto gen = holds(alive, log);
            co_await gen.next();
            EXPECT_EQ(alive.use_count(), 3);
        }
        EXPECT_EQ(alive.use_count(), 1);
        auto replaced = holds(alive, log);
        co_await replaced.next();
        replaced = count(1);
        EXPECT_EQ(alive.use_count(), 1);
        EXPECT_EQ(log, names{});
    };
    run(main);
}

TEST(async_generator_end, dropped_while_it_runs_lives_until_it_has_yielded) {
    const auto main = []() -> coroutine<> {
        auto gen = std::make_unique<async_generator<int>>(count(2, 2));
        const auto t = create_task(gen->next());
        co_await sleep(0s);
        gen.reset();
        const std::optional<int>& item = co_await t;
        EXPECT_EQ(item, 1);
        gen = std::make_unique<async_generator<int>>(count(2));
        const auto later = create_task(gen->next());
        gen.reset();
        const std::optional<int>& kept = co_await later;
        EXPECT_EQ(kept, 1) << "what is to be awaited keeps it";
    };
    run(main);
}

// ---- cancels ----

TEST(async_generator_end, cancelled_before_it_starts_never_starts) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto gen = careful(log);
        const auto t = create_task(gen.next());
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_EQ(log, names{});
        const auto first = co_await gen.next();
        EXPECT_EQ(first, 1) << "and can still be used";
    };
    run(main);
}

TEST(async_generator_end, cancelled_while_it_waits_cleans_up_and_ends) {
    const auto main = []() -> coroutine<> {
        names log;
        const auto gen = careful(log);
        co_await gen.next();
        const auto t = create_task(gen.next());
        co_await sleep(0s);
        t.cancel("enough");
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled: enough");
        EXPECT_EQ(log, (names{"cancelled", "cleaned up"}));
        const auto none = co_await gen.next();
        EXPECT_EQ(none, std::nullopt);
        const auto waits = []() -> async_generator<int> {
            co_await sleep(1h);
            co_yield 1;
        };
        const auto limited = waits();
        const std::string late = co_await ending(asyncio::wait_for(limited.next(), 1ms));
        EXPECT_EQ(late, "asyncio::timeout_error: asyncio: timed out");
    };
    run(main);
}

TEST(async_generator_end, may_refuse_a_cancel_and_go_on) {
    const auto refuses = []() -> async_generator<int> {
        for (;;) {
            const int value = co_await stubborn(1);
            co_yield value;
        }
    };
    const auto main = [&]() -> coroutine<> {
        const auto gen = refuses();
        for (int i = 0; i < 2; ++i) {
            const auto t = create_task(gen.next());
            co_await rounds(2);
            t.cancel();
            const std::optional<int>& item = co_await t;
            EXPECT_EQ(item, 1);
        }
    };
    run(main);
}

// Decision A: what was yielded is delivered, the cancel is thrown at the next await.
TEST(async_generator_end, loses_no_item_to_a_cancel_in_the_same_round) {
    names log;
    const auto main = [&]() -> coroutine<> {
        const future<int> f = new_future();
        const auto gives = [f]() -> async_generator<int> { co_yield co_await f; };
        const auto gen = gives();
        const auto t = create_task([&]() -> coroutine<> {
            const auto item = co_await gen.next();
            log.push_back(std::to_string(*item));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await rounds(2);
        f.set_result(4);
        t.cancel("late");
        co_await t;
        const auto at_once = create_task([&]() -> coroutine<> {
            current_task().cancel("pending");
            const auto numbers = count(2);
            const auto item = co_await numbers.next();
            log.push_back(std::to_string(*item));
            log.push_back(co_await ending(sleep(0s)));
        });
        co_await at_once;
    };
    run(main);
    EXPECT_EQ(log, (names{"4", "cancelled: late", "1", "cancelled: pending"}));
}

TEST(async_generator_end, cancelled_while_it_is_closed_throws_the_cancel) {
    const auto slow_end = []() -> async_generator<int> {
        bool closed = false;
        try {
            co_yield 1;
        } catch (const generator_exit&) {
            closed = true;
        }
        if (closed) co_await sleep(1h);
    };
    const auto main = [&]() -> coroutine<> {
        const auto gen = slow_end();
        co_await gen.next();
        const auto closing = create_task(gen.aclose());
        co_await rounds(2);
        closing.cancel("no patience");
        const std::string how = co_await ending(closing);
        EXPECT_EQ(how, "cancelled: no patience");
    };
    run(main);
}

// ---- the end of the run ----

// S128
TEST(async_generator_end, still_open_is_closed_at_the_end_of_the_run) {
    names log;
    std::optional<async_generator<int>> kept, ended, fresh;
    const auto main = [&]() -> coroutine<> {
        const reports heard(asyncio::get_running_loop());
        kept.emplace(careful(log));
        ended.emplace(count(1));
        fresh.emplace(careful(log));
        co_await kept->next();
        co_await all(std::move(*ended));
        create_task([&]() -> coroutine<> {
            const int value = co_await stubborn(0);
            log.push_back("leftover " + std::to_string(value));
        });
        co_await sleep(0s);
        asyncio::get_running_loop().set_exception_handler(nullptr);
    };
    run(main);
    EXPECT_EQ(log, (names{"leftover 0", "closed", "cleaned up"})) << "after the leftover tasks";
    kept.reset();
    EXPECT_EQ(log.size(), 3u);
}

// S128
TEST(async_generator_end, that_fails_when_it_is_closed_at_the_end_is_reported) {
    names heard;
    std::optional<async_generator<int>> first, second;
    const auto fails = [](std::string what) -> async_generator<int> {
        std::exception_ptr end;
        try {
            co_yield 1;
        } catch (...) {
            end = std::current_exception();
        }
        co_await sleep(0s);
        throw std::runtime_error(what);
    };
    {
        asyncio::runner r;
        r.get_loop().set_exception_handler(
            [&](asyncio::event_loop&, const asyncio::exception_context& c) {
                heard.push_back(c.message + ": " + asyncio::detail::describe(c.exception));
            });
        r.run([&]() -> coroutine<> {
            first.emplace(fails("one"));
            second.emplace(fails("two"));
            co_await first->next();
            co_await second->next();
        });
        EXPECT_EQ(heard, names{}) << "open between two runs";
        r.run([&]() -> coroutine<> { co_await sleep(0s); });
    }
    ASSERT_EQ(heard.size(), 2u);
    EXPECT_TRUE(heard[0].starts_with("an error occurred while the async generator '")) << heard[0];
    EXPECT_TRUE(heard[0].ends_with("' was being closed: std::runtime_error: one")) << heard[0];
    EXPECT_TRUE(heard[1].ends_with("' was being closed: std::runtime_error: two")) << heard[1];
}

TEST(async_generator_end, that_does_not_end_within_the_shutdown_deadline_is_dropped) {
    const auto alive = std::make_shared<int>(0);
    std::optional<async_generator<int>> kept;
    const auto hangs = [](std::shared_ptr<int>) -> async_generator<int> {
        bool closed = false;
        try {
            co_yield 1;
        } catch (const generator_exit&) {
            closed = true;
        }
        if (closed) co_await sleep(1h);
    };
    asyncio::run_options options;
    options.shutdown_deadline = 1ms;
    testing::internal::CaptureStderr();
    {
        asyncio::runner r(options);
        r.run([&]() -> coroutine<> {
            kept.emplace(hangs(alive));
            co_await kept->next();
        });
    }
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("asyncio: async generators did not close within the shutdown deadline"),
              std::string::npos)
        << text;
    EXPECT_EQ(alive.use_count(), 1) << "its frame went with the task that closed it";
    kept.reset();
}

TEST(async_generator_end, is_closed_by_shutdown_asyncgens_of_the_loop) {
    auto loop = asyncio::new_event_loop();
    loop->run_until_complete(loop->shutdown_asyncgens());  // none was ever used
    names log;
    auto gen = careful(log);
    loop->run_until_complete(gen.next());
    loop->run_until_complete(loop->shutdown_asyncgens());
    EXPECT_EQ(log, (names{"closed", "cleaned up"}));
    loop->run_until_complete(loop->shutdown_asyncgens());
    EXPECT_EQ(log.size(), 2u);
}

TEST(async_generator_end, shutdown_can_be_cancelled) {
    const auto main = []() -> coroutine<> {
        const auto hangs = []() -> async_generator<int> {
            bool closed = false;
            try {
                co_yield 1;
            } catch (const generator_exit&) {
                closed = true;
            }
            if (closed) co_await sleep(1h);
        };
        const auto gen = hangs();
        co_await gen.next();
        const auto closing = create_task(asyncio::get_running_loop().shutdown_asyncgens());
        co_await rounds(3);
        closing.cancel("no patience");
        const std::string how = co_await ending(closing);
        EXPECT_EQ(how, "cancelled: no patience");
    };
    run(main);
}

TEST(async_generator_end, outlives_its_loop) {
    names log;
    auto gen = careful(log);
    {
        auto loop = asyncio::new_event_loop();
        EXPECT_EQ(loop->run_until_complete(gen.next()), 1);
    }
    EXPECT_EQ(log, names{}) << "a loop that is closed by hand closes no generators";
    EXPECT_EQ(run(gen.next()), 2) << "and it can go on in another loop";
}

TEST(async_generator_end, goes_with_the_frames_when_its_loop_is_closed) {
    const auto alive = std::make_shared<int>(0);
    const auto waits = [](std::shared_ptr<int>) -> async_generator<int> {
        co_yield 1;
        co_await sleep(1h);
    };
    close_in_the_middle([&]() -> coroutine<> {
        const auto gen = waits(alive);
        co_await gen.next();
        co_await gen.next();
    });
    EXPECT_EQ(alive.use_count(), 1);
    auto kept = waits(alive);
    close_in_the_middle([&]() -> coroutine<> {
        co_await kept.next();
        co_await kept.next();
    });
    EXPECT_EQ(alive.use_count(), 1);
    EXPECT_EQ(run(kept.next()), std::nullopt) << "it has ended";
}

// ---- deep chains ----

async_generator<int> deep(int levels, const std::shared_ptr<int>& alive, bool waits) {
    const std::shared_ptr<int> local = alive;
    if (levels == 0) {
        if (waits) co_await sleep(1h);
        co_yield 1;
        co_return;
    }
    auto inner = deep(levels - 1, alive, waits);
    for (auto item = co_await inner.next(); item; item = co_await inner.next()) co_yield *item + 1;
}

constexpr int many_levels = 50'000;

TEST(async_generator_end, deep_chains_are_run_and_finished) {
    const auto alive = std::make_shared<int>(0);
    const auto main = [&]() -> coroutine<> {
        const auto gen = deep(many_levels, alive, false);
        const auto item = co_await gen.next();
        EXPECT_EQ(item, many_levels + 1);
        const auto none = co_await gen.next();
        EXPECT_EQ(none, std::nullopt);
    };
    run(main);
    EXPECT_EQ(alive.use_count(), 1);
}

TEST(async_generator_end, deep_chains_are_cancelled) {
    const auto alive = std::make_shared<int>(0);
    const auto main = [&]() -> coroutine<> {
        const auto gen = deep(many_levels, alive, true);
        const auto t = create_task(gen.next());
        co_await rounds(2);
        t.cancel();
        const std::string how = co_await ending(t);
        EXPECT_EQ(how, "cancelled");
        EXPECT_EQ(alive.use_count(), 1);
    };
    run(main);
}

TEST(async_generator_end, deep_chains_are_dropped_at_a_co_yield_and_at_an_await) {
    const auto alive = std::make_shared<int>(0);
    const auto main = [&]() -> coroutine<> {
        {
            const auto gen = deep(many_levels, alive, false);
            co_await gen.next();
            EXPECT_EQ(alive.use_count(), many_levels + 2);
        }
        EXPECT_EQ(alive.use_count(), 1);
    };
    run(main);
    close_in_the_middle([&]() -> coroutine<> {
        const auto gen = deep(many_levels, alive, true);
        co_await gen.next();
    });
    EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace async_generator_end_test
