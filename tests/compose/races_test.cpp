// Every order of {the inner one is done, the time is up, a cancel, a second cancel} within one turn
// of the loop, over every combinator. No order may lose a value or a cancel (decision 0 of the
// semantics): what could be given is given, and a cancel that came after it is thrown at the next
// await, once.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/compose/as_completed.hpp"
#include "asyncio/compose/as_outcome.hpp"
#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/wait.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "support/manual_backend.hpp"

namespace races_test {

using namespace asyncio;
using namespace std::chrono_literals;
using support::manual_loop;
using support::reports;

constexpr int value = 7;

std::string text(int n) { return "value " + std::to_string(n); }

/// Awaits with a combinator what ends as `inner` does, and says what came of it.
using attempt = coroutine<std::string> (*)(future<int> inner, delay limit);

/// What a user sees of an attempt and of the awaits behind it.
coroutine<std::string> observe(attempt a, future<int> inner, delay limit) {
    std::string log;
    try {
        log = co_await a(inner, limit);
    } catch (const timeout_error&) {
        log = "timeout";
    } catch (const cancelled_error&) {
        log = "cancelled";
    } catch (const std::exception& e) {
        log = e.what();
    }
    for (const char* when : {", then cancelled", ", and once more"}) {
        try {
            co_await sleep(0s);
        } catch (const cancelled_error&) {
            log += when;
        }
    }
    co_return log;
}

/// D: done with a value, E: done with an error, T: the time is up, C: a cancel.
using order = std::string;

struct result {
    std::string seen;
    std::uint32_t cancelling = 0;
    future<int> inner;
};

/// Plays the events in one turn of the loop: all are due at the same moment, and timers of one
/// moment fire in the order in which they were armed. T stands for the attempt's own deadline.
result play(attempt a, const order& events) {
    const manual_loop loop;
    const reports told(*loop);
    const auto f = loop->create_future<int>();
    const time_point when = loop->time() + 1s;
    task<std::string> t;
    const auto arm = [&](char event) {
        loop->call_at(when, [&t, f, event] {
            if (event == 'C') t.cancel();
            if (event == 'D' && !f.done()) f.set_result(value);
            if (event == 'E' && !f.done()) f.set_exception(std::runtime_error("error"));
        });
    };
    const auto deadline = events.find('T');
    for (const char event : events.substr(0, deadline)) arm(event);
    t = loop->create_task(observe(a, f, deadline == order::npos ? delay::forever() : delay(1s)));
    loop->run_ready();  // it waits now
    if (deadline != order::npos)
        for (const char event : events.substr(deadline + 1)) arm(event);
    loop.outside->advance(1s);
    loop->run_ready();
    EXPECT_TRUE(t.done()) << events;
    result r{t.done() && !t.cancelled() ? t.result() : "the task ended cancelled", t.cancelling(),
             f};
    if (f.done() && !f.cancelled()) (void)f.exception();  // nobody need look at it
    return r;
}

/// All orders of at most one D or E, at most one T, and at most two C.
std::vector<order> all_orders(bool with_deadline) {
    std::vector<order> all;
    for (const char* done : {"", "D", "E"})
        for (const char* deadline : {"", "T"})
            for (const char* cancels : {"", "C", "CC"}) {
                order events = std::string(done) + deadline + cancels;
                if (events.empty() || (*deadline != '\0' && !with_deadline)) continue;
                std::sort(events.begin(), events.end());
                do {
                    all.push_back(events);
                } while (std::next_permutation(events.begin(), events.end()));
            }
    return all;
}

std::uint32_t cancels_in(const order& events) {
    return static_cast<std::uint32_t>(std::count(events.begin(), events.end(), 'C'));
}
bool has(const order& events, char event) { return events.find(event) != order::npos; }

/// The first event ends the wait. A later cancel is delivered afterwards.
std::string first_event_wins(const order& events) {
    const std::string later = has(events, 'C') ? ", then cancelled" : "";
    switch (events.front()) {
        case 'D':
            return text(value) + later;
        case 'E':
            return "error" + later;
        case 'T':
            return has(events, 'C') ? "cancelled" : "timeout";  // S102
        default:
            return "cancelled";
    }
}

using expectation = std::string (*)(const order& events);

/// Plays every order and compares. The task's count of cancels is always that of the requests.
void expect_all(attempt a, expectation expected, bool with_deadline) {
    for (const order& events : all_orders(with_deadline)) {
        const result r = play(a, events);
        EXPECT_EQ(r.seen, expected(events)) << "in the order " << events;
        EXPECT_EQ(r.cancelling, cancels_in(events)) << "in the order " << events;
        // No value is lost: somebody saw it, or it is still in the future.
        if (has(events, 'D') && !r.inner.cancelled()) {
            EXPECT_EQ(r.inner.result(), value) << "in the order " << events;
        }
    }
}

coroutine<int> passes_on(future<int> inner) { co_return co_await inner; }

// ---- nothing around it: the reference ----

coroutine<std::string> bare(future<int> inner, delay) { co_return text(co_await inner); }

TEST(races, bare_await) { expect_all(bare, first_event_wins, false); }

coroutine<std::string> bare_coroutine(future<int> inner, delay) {
    co_return text(co_await passes_on(inner));
}

TEST(races, bare_await_of_a_coroutine) { expect_all(bare_coroutine, first_event_wins, false); }

// ---- wait_for and timeout ----

coroutine<std::string> wait_for_future(future<int> inner, delay limit) {
    co_return text(co_await wait_for(inner, limit));
}
coroutine<std::string> wait_for_coroutine(future<int> inner, delay limit) {
    co_return text(co_await wait_for(passes_on(inner), limit));
}
coroutine<std::string> timeout_around(future<int> inner, delay limit) {
    const auto body = [&](timeout&) -> coroutine<int> { co_return co_await inner; };
    co_return text(co_await with(timeout(limit), body));
}
coroutine<std::string> nested_limits(future<int> inner, delay limit) {
    const auto body = [&](timeout&) -> coroutine<int> {
        co_return co_await wait_for(passes_on(inner), limit);
    };
    co_return text(co_await with(timeout(limit), body));
}

// S93, S96, S97, S102.
TEST(races, wait_for_a_future) { expect_all(wait_for_future, first_event_wins, true); }
TEST(races, wait_for_a_coroutine) { expect_all(wait_for_coroutine, first_event_wins, true); }
TEST(races, timeout) { expect_all(timeout_around, first_event_wins, true); }
TEST(races, timeout_around_wait_for) { expect_all(nested_limits, first_event_wins, true); }

// A task between them has not run yet when the turn ends: it receives the value and then the
// cancel, and ends as decision C says.
coroutine<std::string> wait_for_task(future<int> inner, delay limit) {
    co_return text(co_await wait_for(create_task(passes_on(inner)), limit));
}
std::string one_hop_away(const order& events) {
    if (has(events, 'C')) {
        if (events.front() == 'E') return "error";  // the task has failed: that wins
        return "cancelled";
    }
    if (events.front() == 'E') return "error";
    if (has(events, 'T')) return "timeout";
    return text(value);
}

TEST(races, wait_for_a_task) { expect_all(wait_for_task, one_hop_away, true); }

// ---- gather ----

coroutine<std::string> gather_one(future<int> inner, delay) {
    const auto [n] = co_await gather(inner);
    co_return text(n);
}
coroutine<std::string> gather_two(future<int> inner, delay) {
    const auto done = get_running_loop().create_future<int>();
    done.set_result(1);
    const auto [a, n] = co_await gather(done, inner);
    co_return text(n);
}
coroutine<std::string> limited_gather(future<int> inner, delay limit) {
    const auto [n] = co_await wait_for(gather(inner), limit);
    co_return text(n);
}

TEST(races, gather) {
    expect_all(gather_one, first_event_wins, false);
    expect_all(gather_two, first_event_wins, false);
}
TEST(races, gather_under_wait_for) { expect_all(limited_gather, first_event_wins, true); }

// ---- shield ----

coroutine<std::string> shielded(future<int> inner, delay) {
    co_return text(co_await shield(inner));
}
coroutine<std::string> limited_shield(future<int> inner, delay limit) {
    co_return text(co_await wait_for(shield(inner), limit));
}

TEST(races, shield) { expect_all(shielded, first_event_wins, false); }
TEST(races, shield_under_wait_for) { expect_all(limited_shield, first_event_wins, true); }

// S88: whatever happens outside, the shielded one gets its value.
TEST(races, shield_keeps_the_inner_one) {
    for (const order& events : all_orders(true))
        if (has(events, 'D')) {
            EXPECT_EQ(play(limited_shield, events).inner.result(), value) << events;
        }
}

// ---- wait ----

coroutine<std::string> waited(future<int> inner, delay limit) {
    const std::vector<future<int>> futures{inner};
    const auto [done, pending] = co_await wait(futures, {.timeout = limit});
    if (done.empty()) co_return "pending";
    co_return done[0].exception() ? "error" : text(done[0].result());
}
std::string wait_gives(const order& events) {
    if (events.front() == 'C') return "cancelled";
    std::string seen = "pending";
    if (has(events, 'D')) seen = text(value);  // S84: it looks again when it wakes up
    if (has(events, 'E')) seen = "error";
    return seen + (has(events, 'C') ? ", then cancelled" : "");
}

// S82: neither the time nor a cancel touches what is waited for.
TEST(races, wait) {
    expect_all(waited, wait_gives, true);
    for (const order& events : all_orders(true))
        if (has(events, 'D')) {
            EXPECT_EQ(play(waited, events).inner.result(), value) << events;
        }
}

// ---- as_completed ----

coroutine<std::string> next_completed(future<int> inner, delay limit) {
    const std::vector<future<int>> futures{inner};
    const auto completed = as_completed(futures, limit);
    auto first = *completed.begin();
    co_return text(co_await std::move(first));
}
std::string as_completed_gives(const order& events) {
    if (events.front() != 'T') return first_event_wins(events);
    // Its deadline cancels nothing: what is done by the time it looks is given.
    std::string seen = "timeout";
    if (has(events, 'D')) seen = text(value);
    if (has(events, 'E')) seen = "error";
    return seen + (has(events, 'C') ? ", then cancelled" : "");
}

TEST(races, as_completed) {
    expect_all(next_completed, as_completed_gives, true);
    for (const order& events : all_orders(true))
        if (has(events, 'D')) {
            EXPECT_EQ(play(next_completed, events).inner.result(), value) << events;
        }
}

// ---- task_group ----

/// The child runs in a turn of its own: the group still waits when the turn ends.
coroutine<std::string> grouped(future<int> inner, delay limit) {
    std::string seen = "nothing";
    const auto child = [&]() -> coroutine<> {
        const int n = co_await inner;
        seen = text(n);  // not lost, whatever comes afterwards
    };
    const auto body = [&](task_group& g) -> coroutine<> {
        (void)g.create_task(child);
        co_return;
    };
    const auto limited = [&](timeout&) -> coroutine<> { co_await with(task_group(), body); };
    std::string ending;
    try {
        co_await with(timeout(limit), limited);
    } catch (const exception_group& e) {
        ending = "group of " + std::to_string(e.exceptions().size());
    } catch (const timeout_error&) {
        ending = "timeout";
    } catch (const cancelled_error&) {
        ending = "cancelled";
    }
    co_return ending.empty() ? seen : ending + ", seen " + seen;
}
std::string group_gives(const order& events) {
    // The group cancels its child in its own step: what the child has been given by then is given.
    const std::string seen = has(events, 'D') ? text(value) : "nothing";
    if (has(events, 'E')) {
        // S113: the error wins over the cancel; S122: which is then delivered at the next await.
        return std::string("group of 1, seen nothing") +
               (has(events, 'C') ? ", then cancelled" : "");
    }
    if (has(events, 'C')) return "cancelled, seen " + seen;
    if (has(events, 'T')) return "timeout, seen " + seen;
    return seen;
}

TEST(races, task_group) { expect_all(grouped, group_gives, true); }

// ---- as_outcome ----

coroutine<std::string> outcome_of(future<int> inner, delay limit) {
    const auto o = co_await as_outcome(wait_for(inner, limit));
    if (o) co_return text(o.value());
    std::rethrow_exception(o.exception());
}

TEST(races, as_outcome) { expect_all(outcome_of, first_event_wins, true); }

}  // namespace races_test
