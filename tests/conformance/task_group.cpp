// task_group: no child outlives the block, no error is lost.
#include <algorithm>
#include <memory>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

static coroutine<int> fails(std::string name, int after = 0) {
    co_await turns(after);
    throw boom(name);
}

static coroutine<int> returns(int value, int after = 0) {
    co_await turns(after);
    co_return value;
}

static coroutine<> sleeps() { co_await sleep(1h); }

SCENARIO(S111_all_children_are_awaited) {
    auto main = []() -> coroutine<> {
        task<int> a, b;

        auto body = [&](task_group& g) -> coroutine<> {
            a = g.create_task(returns(1, 3), {.name = "a"});
            b = g.create_task(returns(2, 6));
            say("in the body:", state(a), state(b), a.get_name());
            co_return;
        };

        co_await with(task_group(), body);
        say("after it:", state(a), state(b));
    };

    run(main());
}

SCENARIO(S111_an_error_of_a_child_cancels_siblings_and_body) {
    auto main = []() -> coroutine<> {
        strings order;

        auto sibling = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("sibling cancelled"); });
            co_await sleeps();
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(sibling());
            g.create_task(fails("child", 3));
            const finally cleanup([&] { order.push_back("body cancelled"); });
            co_await sleeps();
        };

        say("group:", co_await outcome_of(with(task_group(), body)));
        std::ranges::sort(order);
        say(order);
        say("cancelling", current_task().cancelling());
        say("the next await:", co_await outcome_of(sleep(0s, "slept")));
    };

    run(main());
}

SCENARIO(S111_all_errors_in_one_group) {
    auto main = []() -> coroutine<> {
        auto bad_cleanup = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(bad_cleanup());
            g.create_task(fails("child", 3));
            g.create_task(returns(1));
            co_return;
        };

        say("group:", co_await outcome_of(with(task_group(), body)));
    };

    run(main());
}

SCENARIO(S112_the_parent_is_cancelled) {
    auto main = []() -> coroutine<> {
        strings order;
        auto release = get_running_loop().create_future();

        auto child = [&]() -> coroutine<> {
            auto slept = co_await as_outcome(sleeps());
            order.push_back("cleaning up");
            co_await release;
            order.push_back("cleaned up");
            slept.value();
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_await sleeps();
        };

        auto p = create_task(with(task_group(), body));
        co_await settle();
        p.cancel();
        co_await settle();
        say("parent done", p.done(), order);
        release.set_result();
        const std::string ended = co_await outcome_of(p);
        say("parent:", ended, order);
        say("cancelled", p.cancelled(), "cancelling", p.cancelling());
    };

    run(main());
}

SCENARIO(S112_the_parent_is_cancelled_while_it_waits_at_the_end) {
    auto main = []() -> coroutine<> {
        strings order;

        auto child = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("child cancelled"); });
            co_await sleeps();
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_return;
        };

        auto p = create_task(with(task_group(), body));
        co_await settle();
        p.cancel();
        const std::string ended = co_await outcome_of(p);
        say("parent:", ended, order);
    };

    run(main());
}

SCENARIO(S113_an_error_wins_over_the_cancel_of_the_parent) {
    auto main = []() -> coroutine<> {
        auto child = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_await sleeps();
        };

        auto p = create_task(with(task_group(), body));
        co_await settle();
        p.cancel();
        say("parent:", co_await outcome_of(p));
        say("cancelled", p.cancelled());
    };

    run(main());
}

SCENARIO(S114_an_error_in_the_body) {
    auto main = []() -> coroutine<> {
        strings order;

        auto child = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("child cancelled"); });
            co_await sleeps();
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_await turns(2);
            throw boom("body");
        };

        auto empty = []() -> coroutine<> {
            throw boom("alone");
            co_return;
        };

        const std::string ended = co_await outcome_of(with(task_group(), body));
        say("group:", ended, order);
        say("without children:", co_await outcome_of(with(task_group(), empty)));
    };

    run(main());
}

SCENARIO(S114_an_error_in_the_body_and_one_in_a_child) {
    auto main = []() -> coroutine<> {
        auto child = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_await turns(2);
            throw boom("body");
        };

        say("group:", co_await outcome_of(with(task_group(), body)));
    };

    run(main());
}

SCENARIO(S115_a_cancelled_child_is_no_error) {
    auto main = []() -> coroutine<> {
        task<> a;
        task<int> b;

        auto body = [&](task_group& g) -> coroutine<> {
            a = g.create_task(sleeps());
            b = g.create_task(returns(2, 3));
            co_await turns(1);
            a.cancel();
        };

        co_await with(task_group(), body);
        say("children:", state(a), state(b));
    };

    run(main());
}

SCENARIO(S116_groups_of_groups) {
    auto main = []() -> coroutine<> {
        auto inner_body = [](task_group& g) -> coroutine<> {
            g.create_task(fails("inner"));
            co_return;
        };

        auto outer = [&](task_group& g) -> coroutine<> {
            g.create_task(with(task_group(), inner_body));
            co_return;
        };

        auto body_of_outer = [&](task_group& g) -> coroutine<> {
            g.create_task(sleeps());
            co_await with(task_group(), inner_body);
        };

        say("in a child:", co_await outcome_of(with(task_group(), outer)));
        say("in the body:", co_await outcome_of(with(task_group(), body_of_outer)));
    };

    run(main());
}

SCENARIO(S117_a_system_exit_in_the_body_is_not_grouped) {
    auto main = []() -> coroutine<> {
        strings order;

        auto child = [&]() -> coroutine<> {
            const finally cleanup([&] { order.push_back("child cancelled"); });
            co_await sleeps();
        };

        auto group = [&](std::exception_ptr error) -> coroutine<> {
            auto body = [&](task_group& g) -> coroutine<> {
                g.create_task(child());
                co_await turns(2);
                std::rethrow_exception(error);
            };

            co_await with(task_group(), body);
        };

        const std::string ended =
            co_await outcome_of(group(std::make_exception_ptr(system_exit(3))));
        say("system_exit:", ended, order);
        say("keyboard_interrupt:",
            co_await outcome_of(group(std::make_exception_ptr(keyboard_interrupt()))));
        say("another one:", co_await outcome_of(group(std::make_exception_ptr(strange()))));
    };

    run(main());
}

SCENARIO(S118_children_of_children_while_the_group_exits) {
    auto main = []() -> coroutine<> {
        strings order;

        auto grandchild = [&]() -> coroutine<> {
            co_await turns(3);
            order.push_back("grandchild");
        };

        auto child = [&](task_group& g) -> coroutine<> {
            co_await turns(3);
            g.create_task(grandchild());
            order.push_back("child");
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child(g));
            order.push_back("body");
            co_return;
        };

        co_await with(task_group(), body);
        say(order);
    };

    run(main());
}

SCENARIO(S118_create_task_refused) {
    auto main = []() -> coroutine<> {
        auto never = []() -> coroutine<> {
            say("this never runs");
            co_return;
        };

        captured_log lines;
        say("not entered:", attempt([&] { task_group().create_task(never()); }));

        task_group finished;
        auto nothing = []() -> coroutine<> { co_return; };
        co_await with(finished, nothing);
        say("finished:", attempt([&] { finished.create_task(never()); }));

        auto aborting = [&](task_group& g) -> coroutine<> {
            g.create_task(fails("child"));
            const finally late([&] { say("aborting:", attempt([&] { g.create_task(never()); })); });
            co_await sleeps();
        };

        say("group:", co_await outcome_of(with(task_group(), aborting)));
        say("reported as never awaited", lines.has("never awaited"));
    };

    run(main());
}

SCENARIO(S119_a_finished_child_is_forgotten) {
    auto main = []() -> coroutine<> {
        std::weak_ptr<int> alive;

        auto child = [&]() -> coroutine<std::shared_ptr<int>> {
            auto result = std::make_shared<int>(42);
            alive = result;
            co_return result;
        };

        auto body = [&](task_group& g) -> coroutine<> {
            g.create_task(child());
            co_await settle();
            say("in the body, its result is alive:", !alive.expired());
        };

        co_await with(task_group(), body);
    };

    run(main());
}

SCENARIO(S120_the_count_is_restored) {
    auto main = []() -> coroutine<> {
        auto worker = []() -> coroutine<> {
            const auto self = current_task();
            (void)co_await as_outcome(sleeps());
            say("before", self.cancelling());

            auto body = [](task_group& g) -> coroutine<> {
                g.create_task(fails("child"));
                co_await sleeps();
            };

            say("group:", co_await outcome_of(with(task_group(), body)));
            say("after", self.cancelling());
        };

        auto t = create_task(worker());
        co_await turns(1);
        t.cancel();
        co_await outcome_of(t);
    };

    run(main());
}

SCENARIO(S121_inner_and_outer_fail_together) {
    auto main = []() -> coroutine<> {
        const auto self = current_task();

        auto outer = [&](task_group& outer_group) -> coroutine<> {
            auto inner = [&](task_group& inner_group) -> coroutine<> {
                inner_group.create_task(fails("inner"));
                outer_group.create_task(fails("outer"));
                co_return;
            };

            say("inner:", co_await outcome_of(with(task_group(), inner)));
            say("cancelling", self.cancelling());
        };

        say("outer:", co_await outcome_of(with(task_group(), outer)));
        say("cancelling", self.cancelling());
    };

    run(main());
}

SCENARIO(S122_an_error_and_a_cancel_from_outside) {
    auto main = []() -> coroutine<> {
        auto started = get_running_loop().create_future();

        auto child = [&]() -> coroutine<> {
            started.set_result();
            co_await sleep(0s);
            throw boom("child");
        };

        auto worker = [&]() -> coroutine<> {
            const auto self = current_task();

            auto body = [&](task_group& g) -> coroutine<> {
                g.create_task(child());
                co_await sleeps();
            };

            say("group:", co_await outcome_of(with(task_group(), body)));
            say("cancelling", self.cancelling());
            say("the next await:", co_await outcome_of(sleeps()));
        };

        auto t = create_task(worker());
        co_await started;
        t.cancel();
        co_await t;
    };

    run(main());
}

SCENARIO(S123_used_once) {
    auto main = []() -> coroutine<> {
        task_group g;

        auto use = []() -> coroutine<std::string> { co_return "entered"; };

        say("first:", co_await outcome_of(with(g, use)));
        say("second:", co_await outcome_of(with(g, use)));
    };

    run(main());
}

SCENARIO(S124_a_timeout_around_a_group) {
    auto main = []() -> coroutine<> {
        auto bad_cleanup = []() -> coroutine<> {
            try {
                co_await sleeps();
            } catch (...) {
                throw boom("cleanup");
            }
        };

        auto both = [](coroutine<> child) -> coroutine<> {
            auto body = [&](task_group& g) -> coroutine<> {
                g.create_task(std::move(child));
                co_return;
            };

            auto group = [&]() -> coroutine<> { co_await with(task_group(), body); };

            co_await with(timeout(1ms), group);
        };

        say("the child fails in its cleanup:", co_await outcome_of(both(bad_cleanup())));
        say("it does not:", co_await outcome_of(both(sleeps())));
        say("cancelling", current_task().cancelling());
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
