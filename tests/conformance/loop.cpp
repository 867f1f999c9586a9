// The event loop: order of callbacks, timers, descriptors and signals; stop, close, the exception
// handler, debug mode.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

/// Two descriptors that talk to each other.
class socket_pair {
   public:
    socket_pair() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_) != 0) std::abort();
    }
    socket_pair(const socket_pair&) = delete;
    socket_pair& operator=(const socket_pair&) = delete;
    ~socket_pair() {
        ::close(fds_[0]);
        ::close(fds_[1]);
    }
    [[nodiscard]] int a() const { return fds_[0]; }
    void send_to_a() const {
        if (::write(fds_[1], "x", 1) != 1) std::abort();
    }
    void receive_at_a() const {
        char c = 0;
        if (::read(fds_[0], &c, 1) != 1) std::abort();
    }

   private:
    int fds_[2] = {-1, -1};
};

SCENARIO(S1_call_soon_is_first_in_first_out) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<int> order;
        for (int i = 0; i < 6; i += 2) {
            loop.call_soon([&order, i] { order.push_back(i); });
            loop.call_soon_threadsafe([&order, i] { order.push_back(i + 1); });
        }
        say("at once", order);
        co_await turns(1);
        say("one turn later", order);
    };

    run(main());
}

SCENARIO(S2_a_callback_of_a_callback_runs_in_the_next_turn) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;

        auto outer = [&] {
            order.push_back("outer");
            loop.call_soon([&] { order.push_back("inner"); });
        };

        loop.call_soon(outer);
        loop.call_soon([&] { order.push_back("neighbour"); });
        co_await turns(1);
        say("one turn", order);
        co_await turns(1);
        say("two turns", order);
    };

    run(main());
}

SCENARIO(S3_ready_then_timers) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;

        auto prepare = [&] {
            loop.call_later(-1s, [&] { order.push_back("timer"); });
            loop.call_soon([&] { order.push_back("ready"); });
        };

        loop.call_soon(prepare);
        co_await turns(3);
        say("order", order);
    };

    run(main());
}

SCENARIO(S3_descriptors_then_timers) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        const socket_pair s;
        auto done = loop.create_future();

        auto readable = [&] {
            order.push_back("descriptor");
            loop.remove_reader(s.a());
        };

        auto timer = [&] {
            order.push_back("timer");
            done.set_result();
        };

        loop.call_later(1ms, timer);
        loop.add_reader(s.a(), readable);
        s.send_to_a();
        std::this_thread::sleep_for(3ms);  // both are due when the loop looks next
        co_await done;
        say("order", order);
    };

    run(main());
}

SCENARIO(S4_sleep_0_yields_one_turn) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;

        auto outer = [&] {
            order.push_back("issued before");
            loop.call_soon([&] { order.push_back("its child"); });
        };

        loop.call_soon(outer);
        co_await sleep(0s);
        say("after one sleep(0)", order);
        co_await sleep(0s);
        say("after two", order);
        say("sleep with a result", co_await sleep(0s, 42));
    };

    run(main());
}

SCENARIO(S5_sleep_of_a_negative_delay_and_of_nan) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;

        auto outer = [&] {
            order.push_back("issued before");
            loop.call_soon([&] { order.push_back("its child"); });
        };

        auto sleep_nan = []() -> coroutine<> {
            co_await sleep(std::chrono::duration<double>(std::nan("")));
        };

        loop.call_soon(outer);
        co_await sleep(-1s);
        say("after sleep(-1)", order);
        co_await turns(1);
        say("sleep(nan):", co_await outcome_of(sleep_nan()));
    };

    run(main());
}

SCENARIO(S5_a_cancelled_sleep) {
    auto main = []() -> coroutine<> {
        auto t = create_task(sleep(1h));
        co_await turns(1);
        t.cancel();
        say("await:", co_await outcome_of(t));
    };

    run(main());
    say("and run did not wait for the hour");
}

SCENARIO(S6_negative_delays_run_in_order_of_their_deadlines) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<int> order;
        loop.call_later(-1s, [&] { order.push_back(-1); });
        loop.call_later(-3s, [&] { order.push_back(-3); });
        loop.call_later(-2s, [&] { order.push_back(-2); });
        co_await turns(2);
        say("order", order);
    };

    run(main());
}

SCENARIO(S6_timers_run_in_order_of_their_deadlines) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<int> order;
        const time_point now = loop.time();
        auto last = loop.create_future();
        loop.call_at(now + 3ms, [&] { order.push_back(3); });
        loop.call_at(now + 1ms, [&] { order.push_back(1); });
        loop.call_at(now + 4ms, [&] { last.set_result(); });
        loop.call_at(now + 2ms, [&] { order.push_back(2); });
        co_await last;
        say("order", order);
    };

    run(main());
}

SCENARIO(S7_equal_deadlines) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<int> order;
        const time_point now = loop.time();
        for (int i = 0; i < 6; ++i) loop.call_at(now, [&order, i] { order.push_back(i); });
        co_await turns(2);
        say_differs("order", order, "equal deadlines are FIFO");
    };

    run(main());
}

SCENARIO(S8_a_sleep_is_not_too_short) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        int too_short = 0;
        for (int i = 0; i < 5; ++i) {
            const time_point start = loop.time();
            co_await sleep(2ms);
            if (loop.time() - start < 2ms - 500us) ++too_short;
        }
        say("too short", too_short);
    };

    run(main());
}

SCENARIO(S9_a_cancelled_handle_never_runs) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        handle victim;

        auto killer = [&] {
            order.push_back("killer");
            victim.cancel();
        };

        loop.call_soon(killer);
        victim = loop.call_soon([&] { order.push_back("victim in the same turn"); });
        auto timer = loop.call_later(-1s, [&] { order.push_back("cancelled timer"); });
        timer.cancel();
        co_await turns(3);
        say("ran", order);
        say("cancelled", victim.cancelled(), timer.cancelled());
    };

    run(main());
}

SCENARIO(S10_cancelled_timers_do_not_hurt_the_others) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<int> order;
        const time_point now = loop.time();
        std::vector<timer_handle> handles;
        for (int i = 0; i < 400; ++i)
            handles.push_back(
                loop.call_at(now + 1ms + i * 1us, [&order, i] { order.push_back(i); }));
        for (std::size_t i = 0; i < handles.size(); ++i)
            if (i % 100 != 0) handles[i].cancel();
        co_await sleep(5ms);
        say("ran", order);
    };

    run(main());
}

SCENARIO(S11_stop_finishes_the_turn) {
    auto loop = new_event_loop();
    strings order;

    auto stopper = [&] {
        order.push_back("stopper");
        loop->stop();
        loop->call_soon([&] { order.push_back("next turn"); });
    };

    loop->call_soon(stopper);
    loop->call_soon([&] { order.push_back("same turn"); });
    loop->run_forever();
    say("first run", order);
    loop->stop();
    loop->run_forever();
    say("second run", order);
    loop->close();
}

SCENARIO(S11_stop_before_run_forever) {
    auto loop = new_event_loop();
    strings order;
    loop->call_soon([&] { order.push_back("ready"); });
    loop->call_later(1h, [&] { order.push_back("in an hour"); });
    loop->stop();
    loop->run_forever();
    say("ran", order);
    loop->close();
}

SCENARIO(S12_a_descriptor_event_is_not_delivered_twice) {
    auto loop = new_event_loop();
    strings order;
    const socket_pair one, two;

    auto readable = [&](const socket_pair* s) {
        s->receive_at_a();
        order.push_back("event");
        loop->stop();
    };

    loop->add_reader(one.a(), readable, &one);
    loop->add_reader(two.a(), readable, &two);
    one.send_to_a();
    two.send_to_a();
    loop->run_forever();
    say("first run", order);
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
    say("second run", order);
    loop->remove_reader(one.a());
    loop->remove_reader(two.a());
    loop->close();
}

SCENARIO(S13_stopped_before_the_future_completed) {
    auto loop = new_event_loop();

    auto work = [&]() -> coroutine<int> {
        loop->stop();
        co_await sleep(0s);
        co_await sleep(0s);
        co_return 42;
    };

    auto t = loop->create_task(work());
    say("run_until_complete:", attempt([&] { return loop->run_until_complete(t); }));
    say("task done", t.done());
    say("again:", attempt([&] { return loop->run_until_complete(t); }));
    loop->close();
}

SCENARIO(S14_a_loop_inside_a_loop) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.create_future();
        say("the same loop:", attempt([&] { loop.run_until_complete(f); }));
        auto other = new_event_loop();
        auto g = other->create_future();
        say("another loop:", attempt([&] { other->run_until_complete(g); }));
        other->close();
        say("still running", loop.is_running());
        co_return;
    };

    run(main());
}

SCENARIO(S15_a_future_of_another_loop) {
    auto one = new_event_loop();
    auto other = new_event_loop();
    auto f = other->create_future();
    say("run_until_complete:", attempt([&] { one->run_until_complete(f); }));
    one->close();
    other->close();
}

SCENARIO(S16_a_system_exit_leaves_the_loop) {
    auto loop = new_event_loop();

    auto fatal = []() -> coroutine<> {
        throw system_exit(3);
        co_return;
    };

    auto bad = [] { throw system_exit(3); };

    auto value = []() -> coroutine<int> {
        co_await sleep(0s);
        co_return 42;
    };

    say("from a task:", attempt([&] { loop->run_until_complete(fatal()); }));
    loop->call_soon(bad);
    say("from a callback:", attempt([&] { loop->run_forever(); }));
    say("running", loop->is_running());
    say("the loop can be used:", attempt([&] { return loop->run_until_complete(value()); }));
    loop->close();
}

SCENARIO(S17_close) {
    auto loop = new_event_loop();
    strings seen;
    loop->call_soon([&] { seen.push_back(attempt([&] { loop->close(); })); });
    loop->stop();
    loop->run_forever();
    say("close while running:", seen);
    say("closed", loop->is_closed());
    loop->close();
    say("closed", loop->is_closed());
    say("a second close:", attempt([&] { loop->close(); }));

    auto nothing = [] {};

    say("call_soon:", attempt([&] { loop->call_soon(nothing); }));
    say("call_soon_threadsafe:", attempt([&] { loop->call_soon_threadsafe(nothing); }));
    say("call_later:", attempt([&] { loop->call_later(1s, nothing); }));
    say("call_at:", attempt([&] { loop->call_at(time_point(), nothing); }));
    say("run_forever:", attempt([&] { loop->run_forever(); }));
    say("run_in_executor:", attempt([&] { loop->run_in_executor(nullptr, nothing); }));
}

SCENARIO(S18_descriptors_of_a_closed_loop) {
    auto loop = new_event_loop();
    const socket_pair s;

    auto nothing = [] {};

    loop->add_reader(s.a(), nothing);
    loop->remove_reader(s.a());
    loop->close();
    say("remove_reader:", attempt([&] { return loop->remove_reader(s.a()); }));
    say("remove_writer:", attempt([&] { return loop->remove_writer(s.a()); }));
    say("add_reader:", attempt([&] { loop->add_reader(s.a(), nothing); }));
    say("add_writer:", attempt([&] { loop->add_writer(s.a(), nothing); }));
}

SCENARIO(S19_an_exception_in_a_callback) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        std::vector<exception_context> contexts;
        loop.set_exception_handler(
            [&](event_loop&, const exception_context& context) { contexts.push_back(context); });
        strings order;

        auto bad = [] { throw boom("callback"); };

        loop.call_soon(bad);
        loop.call_soon([&] { order.push_back("the next callback"); });
        co_await turns(1);
        say("ran", order);
        say("reports", contexts.size());
        say("with a message", !contexts[0].message.empty());
        say("with the exception", contexts[0].exception);
    };

    run(main());
}

SCENARIO(S19_without_a_handler_it_is_logged) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto bad = [] { throw boom("lonely"); };

        captured_log lines;
        loop.call_soon(bad);
        co_await turns(1);
        say("logged", lines.has("lonely"));
        say("and the loop goes on");
    };

    run(main());
}

SCENARIO(S20_an_exception_handler_that_throws) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto broken = [](event_loop&, const exception_context&) { throw boom("handler"); };

        auto bad = [] { throw boom("original trouble"); };

        captured_log lines;
        loop.set_exception_handler(broken);
        loop.call_soon(bad);
        co_await turns(1);
        say("the original is logged", lines.has("original trouble"));
        say("and the loop goes on");
    };

    run(main());
}

SCENARIO(S21_the_handler_runs_in_the_context_of_the_handle) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings seen;
        loop.set_exception_handler(
            [&](event_loop&, const exception_context&) { seen.push_back(request.get()); });

        auto bad = [] { throw boom("x"); };

        request.set("first");
        loop.call_soon(bad);
        request.set("second");
        co_await turns(1);
        say("handler saw", seen);
        say("caller sees", request.get());
    };

    run(main());
}

SCENARIO(S22_call_soon_threadsafe_wakes_the_loop) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.create_future<int>();

        auto other = [&] {
            std::this_thread::sleep_for(5ms);
            loop.call_soon_threadsafe([&] { f.set_result(42); });
        };

        std::thread thread(other);
        say("woken with", co_await f);
        thread.join();
    };

    run(main());
}

SCENARIO(S23_debug_mode_refuses_a_foreign_thread) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings seen;

        auto nothing = [] {};

        auto other = [&] {
            seen.push_back(attempt([&] { loop.call_soon(nothing); }));
            seen.push_back(attempt([&] { loop.call_later(1s, nothing); }));
            seen.push_back(attempt([&] { loop.call_at(time_point(), nothing); }));
        };

        std::thread thread(other);
        thread.join();
        say("call_soon, call_later, call_at:", seen);
        co_return;
    };

    run(main(), {.debug = true});
}

static coroutine<> sluggish() {
    std::this_thread::sleep_for(20ms);
    co_return;
}

SCENARIO(S25_debug_mode_logs_a_slow_step) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        captured_log lines;
        loop.slow_callback_duration(10ms);
        co_await create_task(sluggish(), {.name = "the-slow-one"});
        co_await turns(1);
        say("the slow task is named", lines.has("the-slow-one"));
    };

    run(main(), {.debug = true});
}

SCENARIO(S25_no_debug_mode_no_log) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        captured_log lines;
        loop.slow_callback_duration(10ms);
        co_await create_task(sluggish(), {.name = "the-slow-one"});
        co_await turns(1);
        say("the slow task is named", lines.has("the-slow-one"));
    };

    run(main(), {.debug = false});
}

SCENARIO(S26_the_environment_turns_debug_on) {
    auto debug = []() -> coroutine<bool> { co_return get_running_loop().get_debug(); };

    say("by default", run(debug()));
    ::setenv("ASYNCIODEBUG", "1", 1);
    say("by the environment", run(debug()));
    say("an explicit no wins", run(debug(), {.debug = false}));
    ::unsetenv("ASYNCIODEBUG");
    say("an explicit yes", run(debug(), {.debug = true}));
}

SCENARIO(S27_add_reader_replaces_the_reader_and_keeps_the_writer) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        const socket_pair s;

        auto read_once = [&](const char* name) {
            order.push_back(name);
            loop.remove_reader(s.a());
        };
        auto write_once = [&](const char* name) {
            order.push_back(name);
            loop.remove_writer(s.a());
        };

        say("remove_reader of an unknown descriptor", loop.remove_reader(s.a()));
        say("remove_writer of an unknown descriptor", loop.remove_writer(s.a()));
        loop.add_writer(s.a(), write_once, "writer");
        loop.add_reader(s.a(), read_once, "old reader");
        loop.add_reader(s.a(), read_once, "new reader");
        s.send_to_a();
        co_await sleep(2ms);
        std::ranges::sort(order);
        say("ran", order);
        say("remove_reader", loop.remove_reader(s.a()));
        loop.add_reader(s.a(), read_once, "never");
        const bool removed = loop.remove_reader(s.a());
        say("remove_reader", removed, "again", loop.remove_reader(s.a()));
    };

    run(main());
}

SCENARIO(S28_a_reader_removed_in_the_turn_in_which_it_is_ready) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings ran;
        const socket_pair one, two;

        auto one_removes_the_other = [&] {
            ran.push_back("one of the two");
            loop.remove_reader(one.a());
            loop.remove_reader(two.a());
        };

        loop.add_reader(one.a(), one_removes_the_other);
        loop.add_reader(two.a(), one_removes_the_other);
        one.send_to_a();
        two.send_to_a();
        co_await sleep(2ms);
        say("ran", ran);
    };

    run(main());
}

SCENARIO(S29_a_signal_handler_is_a_callback_of_the_loop) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        strings order;
        auto f = loop.create_future<int>();

        auto handler = [&](int value) {
            order.push_back("handler");
            f.set_result(value);
        };

        loop.add_signal_handler(SIGUSR1, handler, 42);
        ::kill(::getpid(), SIGUSR1);
        order.push_back("after the signal");
        say("handler got", co_await f);
        say("order", order);
        say("removed", loop.remove_signal_handler(SIGUSR1));
        say("removed again", loop.remove_signal_handler(SIGUSR1));
    };

    run(main());
}

SCENARIO(S29_a_signal_interrupts_the_poll) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto f = loop.create_future<int>();
        loop.add_signal_handler(SIGUSR1, [&] { f.set_result(42); });

        auto other = [] {
            std::this_thread::sleep_for(5ms);
            ::kill(::getpid(), SIGUSR1);
        };

        std::thread thread(other);
        say("handler got", co_await f);
        thread.join();
        loop.remove_signal_handler(SIGUSR1);
    };

    run(main());
}

SCENARIO(S30_a_forked_child_has_no_running_loop) {
    auto main = []() -> coroutine<> {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(attempt([] { (void)get_running_loop(); }) == "error" ? 0 : 1);
        int status = -1;
        ::waitpid(child, &status, 0);
        say("in the child, get_running_loop is an error", status == 0);
        co_await sleep(0s);
        say("the parent goes on");
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
