// Threads: blocking calls out of the loop, coroutines into it.
#include <thread>

#include "asyncio/asyncio.hpp"
#include "transcript.hpp"

using namespace asyncio;
using namespace transcript;

SCENARIO(S149_a_blocking_call_in_a_thread) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        const auto here = std::this_thread::get_id();

        auto job = [](int a, int b) { return a + b; };

        auto fail = [] { throw boom("in the thread"); };

        auto elsewhere = [&] { return std::this_thread::get_id() != here; };

        say("run_in_executor:", co_await loop.run_in_executor(nullptr, job, 40, 2));
        say("to_thread:", co_await to_thread(job, 40, 2));
        say("in another thread:", co_await to_thread(elsewhere));
        say("an error:", co_await outcome_of(to_thread(fail)));
    };

    run(main());
}

SCENARIO(S149_the_loop_goes_on_meanwhile) {
    auto main = []() -> coroutine<> {
        thread_event release;

        auto job = [&] {
            release.wait();
            return 42;
        };

        auto worker = [&]() -> coroutine<int> { co_return co_await to_thread(job); };

        auto t = create_task(worker());
        co_await settle();
        say("the loop runs, the job is", state(t));
        release.set();
        say("job:", co_await t);
    };

    run(main());
}

SCENARIO(S149_a_cancelled_wait_returns_at_once) {
    strings ended;
    thread_event release;
    thread_event started;

    auto main = [&]() -> coroutine<> {
        auto job = [&] {
            started.set();
            release.wait();
            ended.push_back("the job went on to its end");
        };

        auto worker = [&]() -> coroutine<> { co_await to_thread(job); };

        auto t = create_task(worker());
        co_await settle();
        started.wait();
        t.cancel();
        say("await:", co_await outcome_of(t));
        say("job ended", !ended.empty());
        release.set();
    };

    run(main());
    say(ended);
}

SCENARIO(S149_a_job_that_ends_after_the_loop_was_closed) {
    thread_event started;
    thread_event release;
    strings ended;

    auto job = [&] {
        started.set();
        release.wait();
        ended.push_back("ended");
    };

    thread_pool_executor pool(1);

    auto main = [&]() -> coroutine<> {
        auto f = get_running_loop().run_in_executor(&pool, job);
        started.wait();
        f.cancel();
        say("await:", co_await outcome_of(f));
    };

    run(main());
    say("loop closed");
    release.set();
    pool.shutdown();
    say("job", ended);
}

SCENARIO(S150_context_variables_go_along) {
    static const context_var<std::string> request("request", "none");
    auto main = []() -> coroutine<> {
        auto job = [] {
            const std::string seen = request.get();
            request.set("by the job");
            return seen;
        };

        request.set("by main");
        say("the job saw", co_await to_thread(job));
        say("main sees", request.get());
    };

    run(main());
}

/// Runs f in a thread of its own while the loop goes on.
template <class F>
static coroutine<> in_a_thread(F f) {
    event_loop& loop = get_running_loop();
    auto done = loop.create_future();

    auto thread_main = [&] {
        f();
        loop.call_soon_threadsafe([&] { done.set_result(); });
    };

    std::thread thread(thread_main);
    co_await done;
    thread.join();
}

SCENARIO(S151_a_coroutine_from_another_thread) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();

        auto add = [](int a, int b) -> coroutine<int> {
            co_await sleep(0s);
            co_return a + b;
        };

        auto fail = []() -> coroutine<> {
            co_await sleep(0s);
            throw boom("in the loop");
        };

        auto cancelled = []() -> coroutine<> {
            throw cancelled_error();
            co_return;
        };

        auto other = [&] {
            say("value:",
                attempt([&] { return run_coroutine_threadsafe(add(40, 2), loop).result(); }));
            say("error:", attempt([&] { run_coroutine_threadsafe(fail(), loop).result(); }));
            say("cancelled:",
                attempt([&] { run_coroutine_threadsafe(cancelled(), loop).result(); }));
        };

        co_await in_a_thread(other);
    };

    run(main());
}

SCENARIO(S151_cancelling_from_the_other_thread) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto ended = loop.create_future<std::string>();
        thread_event started;

        auto work = [&]() -> coroutine<> {
            try {
                started.set();
                co_await sleep(1h);
            } catch (const cancelled_error&) {
                ended.set_result("the task was cancelled");
                throw;
            }
        };

        auto other = [&] {
            auto f = run_coroutine_threadsafe(work(), loop);
            started.wait();
            say("cancel", f.cancel());
        };

        co_await in_a_thread(other);
        say(co_await ended);
    };

    run(main());
}

SCENARIO(S151_a_wait_that_times_out) {
    auto main = []() -> coroutine<> {
        event_loop& loop = get_running_loop();
        auto ended = loop.create_future<std::string>();
        thread_event started;

        auto work = [&]() -> coroutine<> {
            try {
                started.set();
                co_await sleep(1h);
            } catch (const cancelled_error&) {
                ended.set_result("the task was cancelled");
                throw;
            }
        };

        auto other = [&] {
            auto f = run_coroutine_threadsafe(work(), loop);
            started.wait();
            say("result:", attempt([&] { f.result(5ms); }));
            say("cancel", f.cancel());
        };

        co_await in_a_thread(other);
        say(co_await ended);
    };

    run(main());
}

int main(int argc, char** argv) { return play(argc, argv); }
