// Boost.Asio beside us: the same workloads in its own idioms, with the concrete executor type and a
// concurrency hint of one thread, which its documentation calls the fastest.
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <thread>

#include "../harness.hpp"

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using boost::system::error_code;

namespace {

using executor = asio::io_context::executor_type;
template <class T>
using awaitable = asio::awaitable<T, executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;
using channel = asio::experimental::basic_channel<executor, asio::experimental::channel_traits<>,
                                                  void(error_code, int)>;
constexpr asio::use_awaitable_t<executor> use_awaitable{};

/// Runs f(io) until nothing is left to do.
template <class F>
void run(F f) {
    asio::io_context io(1);
    co_spawn(io.get_executor(), f(io), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}

[[gnu::noinline]] awaitable<int> ready(int i) { co_return i; }

awaitable<void> await_ready(asio::io_context&, long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await ready(static_cast<int>(i & 1));
    bench::keep(sum);
}

/// The fastest join: a count, and a timer that is cancelled when it reaches zero.
awaitable<void> spawn_and_join(asio::io_context& io, int rounds) {
    for (int r = 0; r < rounds; ++r) {
        int left = 1000;
        int sum = 0;
        timer all_done(io.get_executor(), timer::time_point::max());
        for (int i = 0; i < 1000; ++i)
            co_spawn(io.get_executor(), ready(i), [&](const std::exception_ptr&, int v) {
                sum += v;
                if (--left == 0) all_done.cancel();
            });
        error_code ignored;
        co_await all_done.async_wait(asio::redirect_error(use_awaitable, ignored));
        bench::keep(sum);
    }
}

awaitable<void> yield_often(asio::io_context& io, long n) {
    const auto where = io.get_executor();
    for (long i = 0; i < n; ++i) co_await asio::post(where, use_awaitable);
}

void switch_between(int tasks, long total) {
    asio::io_context io(1);
    for (int i = 0; i < tasks; ++i)
        co_spawn(io.get_executor(), yield_often(io, total / tasks), asio::detached);
    io.run();
}

awaitable<int> next_round(asio::io_context& io) {
    co_await asio::post(io.get_executor(), use_awaitable);
    co_return 1;
}

awaitable<void> wait_for_often(asio::io_context& io, long n) {
    std::size_t sum = 0;
    for (long i = 0; i < n; ++i) {
        timer limit(io.get_executor());
        limit.expires_after(std::chrono::seconds(1));
        const auto first = co_await (next_round(io) || limit.async_wait(use_awaitable));
        sum += first.index();
    }
    bench::keep(sum);
}

awaitable<void> forever(asio::io_context& io) {
    timer never(io.get_executor(), timer::time_point::max());
    co_await never.async_wait(use_awaitable);
}

awaitable<void> cancel(asio::io_context& io, long n) {
    long caught = 0;
    for (long i = 0; i < n; ++i) {
        asio::cancellation_signal stop;
        bool done = false;
        timer joined(io.get_executor(), timer::time_point::max());
        const auto ended = [&](const std::exception_ptr& e) {
            done = true;
            joined.cancel();
            try {
                if (e) std::rethrow_exception(e);
            } catch (const boost::system::system_error&) {
                ++caught;
            }
        };
        co_spawn(io.get_executor(), forever(io), asio::bind_cancellation_slot(stop.slot(), ended));
        co_await asio::post(io.get_executor(), use_awaitable);
        stop.emit(asio::cancellation_type::all);
        error_code ignored;
        if (!done) co_await joined.async_wait(asio::redirect_error(use_awaitable, ignored));
    }
    if (caught != n) std::abort();
}

awaitable<void> produce(channel& c, long n) {
    for (long i = 0; i < n; ++i)
        co_await c.async_send(error_code{}, static_cast<int>(i & 1), use_awaitable);
}

awaitable<void> consume(channel& c, long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await c.async_receive(use_awaitable);
    bench::keep(sum);
}

void through_channel(std::size_t capacity, long n) {
    asio::io_context io(1);
    channel c(io.get_executor(), capacity);
    co_spawn(io.get_executor(), consume(c, n), asio::detached);
    co_spawn(io.get_executor(), produce(c, n), asio::detached);
    io.run();
}

double post_burst(long n) {
    asio::io_context io(1);
    auto open = asio::make_work_guard(io);
    long arrived = 0;
    std::atomic<bool> go{false};
    std::thread poster([&] {
        while (!go.load()) std::this_thread::yield();
        for (long i = 0; i < n; ++i)
            asio::post(io, [&] {
                if (++arrived == n) open.reset();
            });
    });
    const double start = bench::now_ns();
    go.store(true);
    io.run();
    const double each = (bench::now_ns() - start) / static_cast<double>(n);
    poster.join();
    return each;
}

awaitable<void> thread_round_trips(asio::io_context& io, asio::thread_pool& pool, int n,
                                   double& median) {
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
        const double start = bench::now_ns();
        co_await asio::post(pool, asio::bind_executor(pool, use_awaitable));
        co_await asio::post(io.get_executor(), use_awaitable);
        times.push_back(bench::now_ns() - start);
    }
    std::sort(times.begin(), times.end());
    median = times[times.size() / 2];
}

double round_trip_median(int n) {
    asio::thread_pool pool(1);
    double median = 0;
    run([&](asio::io_context& io) { return thread_round_trips(io, pool, n, median); });
    pool.join();
    return median;
}

awaitable<void> sleep_for(asio::io_context& io, std::chrono::milliseconds d, double& latest_us) {
    timer t(io.get_executor());
    const auto due = std::chrono::steady_clock::now() + d;
    t.expires_at(due);
    co_await t.async_wait(use_awaitable);
    const std::chrono::duration<double, std::micro> late = std::chrono::steady_clock::now() - due;
    latest_us = std::max(latest_us, late.count());
}

double many_timers(int n) {
    asio::io_context io(1);
    bench::delays delays;
    double latest_us = 0;
    for (int i = 0; i < n; ++i)
        co_spawn(io.get_executor(), sleep_for(io, delays.next(), latest_us), asio::detached);
    io.run();
    return latest_us;
}

[[gnu::noinline]] awaitable<int> deep(int n) {
    if (n == 0) co_return 0;
    co_return 1 + co_await deep(n - 1);
}

awaitable<void> deep_often(asio::io_context&, int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) sum += co_await deep(1000);
    bench::keep(sum);
}

[[gnu::noinline]] awaitable<int> throw_at_the_bottom(int n) {
    if (n == 0) throw 42;
    co_return 1 + co_await throw_at_the_bottom(n - 1);
}

awaitable<void> throw_often(asio::io_context&, int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) {
        try {
            sum += co_await throw_at_the_bottom(10);
        } catch (int e) {
            sum += e;
        }
    }
    bench::keep(sum);
}

double bytes_per_task(long n) {
    asio::io_context io(1);
    double latest_us = 0;
    const double before = bench::resident_bytes();
    for (long i = 0; i < n; ++i)
        co_spawn(io.get_executor(), sleep_for(io, std::chrono::seconds(1000), latest_us),
                 asio::detached);
    io.poll();
    return (bench::resident_bytes() - before) / static_cast<double>(n);
}

}  // namespace

int main(int argc, char** argv) {
    using std::placeholders::_1;
    bench::start(argc, argv, "boost_asio");
    bench::run("W1_await_ready", 1e7, [] { run(std::bind(await_ready, _1, 10'000'000)); });
    bench::run("W2_spawn_join", 1e6, [] { run(std::bind(spawn_and_join, _1, 1000)); });
    bench::run("W3_switch_2", 2e6, [] { switch_between(2, 2'000'000); });
    bench::run("W3_switch_1000", 2e6, [] { switch_between(1000, 2'000'000); });
    bench::run("W5_wait_for", 1e5, [] { run(std::bind(wait_for_often, _1, 100'000)); });
    bench::run("W6_cancel/throw", 5e4, [] { run(std::bind(cancel, _1, 50'000)); });
    bench::run("W7_queue_1", 1e6, [] { through_channel(1, 1'000'000); });
    bench::run("W7_queue_64", 1e6, [] { through_channel(64, 1'000'000); });
    if (bench::wanted("W8")) {
        bench::report("W8_post_burst", bench::repeated([] { return post_burst(1'000'000); }));
        bench::report("W8_roundtrip_median",
                      bench::repeated([] { return round_trip_median(10'000); }));
    }
    bench::run("W10_deep1000_per_level", 1e6, [] { run(std::bind(deep_often, _1, 1000)); });
    bench::run("W10_throw_depth10", 1e4, [] { run(std::bind(throw_often, _1, 10'000)); });
    if (bench::wanted("W4")) {
        std::vector<double> latest;
        bench::report("W4_timers_cpu", bench::repeated([&latest] {
                          const double start = bench::cpu_ns();
                          latest.push_back(many_timers(100'000));
                          return (bench::cpu_ns() - start) / 1e5;
                      }));
        bench::report("W4_max_lateness", latest, "us");
    }
    if (bench::wanted("W9")) bench::report("W9_rss_per_task", {bytes_per_task(1'000'000)}, "bytes");
}
