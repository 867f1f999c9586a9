// What becomes of the results of those that a gather runs: who may move them, and when.
#include "asyncio/compose/gather.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "asyncio/compose/shield.hpp"
#include "compose/situations.hpp"

namespace gather_values_test {

using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::gather;
using asyncio::return_exceptions;
using asyncio::run;
using asyncio::shield;
using asyncio::sleep;
using asyncio::task;
using namespace situations;

using names = std::vector<std::string>;

TEST(gather_values, moves_what_cannot_be_copied) {
    using owned = std::unique_ptr<int>;
    const auto main = []() -> coroutine<> {
        auto done = create_task(give(std::make_unique<int>(1)));
        co_await rounds(3);
        EXPECT_TRUE(done.done());
        auto [a, b] = co_await gather(std::move(done), give(std::make_unique<int>(2), 2));
        EXPECT_EQ(*a + *b, 3);
        std::vector<coroutine<owned>> many;
        many.push_back(give(std::make_unique<int>(3)));
        many.push_back(give(std::make_unique<int>(4), 1));
        const std::vector<owned> all = co_await gather(std::move(many));
        EXPECT_EQ(*all[0] + *all[1], 7);
        auto [kept] = co_await gather(return_exceptions, give(std::make_unique<int>(5)));
        EXPECT_EQ(*kept.value(), 5);
    };
    run(main);
}

TEST(gather_values, moves_through_several_what_cannot_be_copied) {
    const auto main = []() -> coroutine<> {
        const auto [inner, shielded] = co_await gather(gather(give(std::make_unique<int>(1), 1)),
                                                       shield(give(std::make_unique<int>(2), 2)));
        EXPECT_EQ(*std::get<0>(inner) + *shielded, 3);
        const auto [outer] =
            co_await shield(gather(shield(gather(give(std::make_unique<int>(3))))));
        EXPECT_EQ(*std::get<0>(outer), 3);
        auto alone = gather(give(std::make_unique<int>(4), 1));
        const auto outcomes = co_await gather(return_exceptions, std::move(alone));
        EXPECT_EQ(*std::get<0>(std::get<0>(outcomes).value()), 4);
    };
    run(main);
}

/// Gathers `inner`, of whose end a callback is told behind the gather. What the callback sees.
template <class Inner, class Show>
coroutine<std::string> seen_by_a_callback(Inner inner, Show show) {
    std::string seen;
    auto outer = gather(inner);
    inner.add_done_callback([&seen, show](Inner f) { seen = show(f.result()); });
    inner = {};
    co_await outer;
    co_await sleep(0s);
    co_return seen;
}

TEST(gather_values, leaves_the_value_to_a_callback_that_is_told_later) {
    const auto main = []() -> coroutine<> {
        const std::string text = "a text that does not fit into the string itself";
        const auto itself = [](const std::string& s) { return s; };
        const auto first = [](const std::tuple<std::string>& t) { return std::get<0>(t); };
        const std::string of_a_gather = co_await seen_by_a_callback(gather(give(text, 1)), first);
        EXPECT_EQ(of_a_gather, text);
        const std::string of_a_shield = co_await seen_by_a_callback(shield(give(text, 1)), itself);
        EXPECT_EQ(of_a_shield, text);
        future<std::string> task = create_task(give(text, 1));
        const std::string of_a_task = co_await seen_by_a_callback(std::move(task), itself);
        EXPECT_EQ(of_a_task, text);
    };
    run(main);
}

asyncio::context_var<int> number("number", 0);
names movers;

/// Notes whose turn it is when it is moved, and in which context.
struct observer {
    observer() noexcept = default;
    observer(observer&&) {
        const task<> t = asyncio::current_task();
        movers.push_back((t.valid() ? t.get_name() : "nobody") + std::to_string(number.get()));
    }
    observer& operator=(observer&&) = delete;
};

TEST(gather_values, moves_the_results_in_nobodys_turn) {
    movers.clear();
    const auto main = []() -> coroutine<> {
        (void)number.set(1);
        const auto observed = []() -> coroutine<observer> {
            (void)number.set(2);
            co_return observer();
        };
        (void)co_await gather(create_task(observed(), {.name = "a"}),
                              create_task(observed(), {.name = "b"}));
    };
    run(main);
    const std::string all = std::accumulate(movers.begin(), movers.end(), std::string());
    EXPECT_NE(all.find("nobody0nobody0"), all.npos) << all;
}

TEST(gather_values, says_what_to_do_about_a_result_that_can_be_neither_moved_nor_copied) {
    const auto main = []() -> coroutine<std::string> {
        const auto named = create_task(give(std::make_unique<int>(1)));
        const std::string how = co_await ending(gather(named, give(2)));
        const std::unique_ptr<int>& still = co_await named;
        EXPECT_EQ(*still, 1);
        co_return how;
    };
    EXPECT_EQ(run(main),
              "asyncio::invalid_state_error: asyncio: this result cannot be copied and other "
              "handles share it: co_await the named future to get a reference, or drop the other "
              "handles");
}

}  // namespace gather_values_test
