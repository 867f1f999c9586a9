// The floor: the same workloads with nothing but the mechanism. Bare coroutine handles in a ring,
// frames from a free list; no cancel, no errors across tasks, no clock that is not needed.
#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "../harness.hpp"

namespace {

// ---- What everything stands on -----------------------------------------------------------------

class free_list {
   public:
    static void* take(std::size_t size) {
        const std::size_t of = size_class(size);
        if (of >= heads_.size()) return ::operator new(size);
        if (heads_[of] == nullptr) return ::operator new(of * 64);
        return std::exchange(heads_[of], heads_[of]->next);
    }
    static void put(void* p, std::size_t size) {
        const std::size_t of = size_class(size);
        if (of >= heads_.size()) return ::operator delete(p);
        heads_[of] = new (p) block{heads_[of]};
    }

   private:
    struct block {
        block* next;
    };
    static std::size_t size_class(std::size_t size) { return (size + 63) / 64; }
    static inline thread_local constinit std::array<block*, 32> heads_{};
};

/// First in, first out; a power of two large.
class ready_ring {
   public:
    void push(std::coroutine_handle<> h) {
        if (tail_ - head_ > mask_) [[unlikely]]
            grow();
        slots_[tail_++ & mask_] = h;
    }
    void run() {
        while (head_ != tail_) slots_[head_++ & mask_].resume();
    }

   private:
    [[gnu::noinline]] void grow() {
        auto larger = std::make_unique<std::coroutine_handle<>[]>(2 * (mask_ + 1));
        for (std::size_t i = 0; i <= mask_; ++i) larger[i] = slots_[(head_ + i) & mask_];
        head_ = 0;
        tail_ = mask_ + 1;
        mask_ = 2 * mask_ + 1;
        slots_ = std::move(larger);
    }
    std::size_t mask_ = 4095;
    std::unique_ptr<std::coroutine_handle<>[]> slots_ =
        std::make_unique<std::coroutine_handle<>[]>(mask_ + 1);
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

ready_ring ring;

/// A lazy coroutine of an int, which transfers to whoever awaits it.
class job {
   public:
    struct promise_type {
        static void* operator new(std::size_t size) { return free_list::take(size); }
        static void operator delete(void* p, std::size_t size) { free_list::put(p, size); }
        job get_return_object() { return job(handle::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct transfer {
                static bool await_ready() noexcept { return false; }
                static std::coroutine_handle<> await_suspend(handle h) noexcept {
                    return h.promise().next;
                }
                static void await_resume() noexcept {}
            };
            return transfer{};
        }
        void return_value(int v) { value = v; }
        void unhandled_exception() { error = std::current_exception(); }
        std::coroutine_handle<> next = std::noop_coroutine();
        std::exception_ptr error;
        int value = 0;
    };
    using handle = std::coroutine_handle<promise_type>;

    job(job&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)), scheduled_(o.scheduled_) {}
    ~job() {
        if (handle_) handle_.destroy();
    }
    bool await_ready() const noexcept { return handle_.done(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) noexcept {
        handle_.promise().next = h;
        if (scheduled_) return std::noop_coroutine();
        return handle_;
    }
    int await_resume() {
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
        return handle_.promise().value;
    }
    void schedule() {
        scheduled_ = true;
        ring.push(handle_);
    }

   private:
    explicit job(handle h) : handle_(h) {}
    handle handle_;
    bool scheduled_ = false;
};

void run(job j) {
    j.schedule();
    ring.run();
    bench::keep(j.await_resume());
}

struct yield {
    static bool await_ready() noexcept { return false; }
    static void await_suspend(std::coroutine_handle<> h) { ring.push(h); }
    static void await_resume() noexcept {}
};

// ---- The workloads -----------------------------------------------------------------------------

[[gnu::noinline]] job ready(int i) { co_return i; }

job await_ready(long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await ready(static_cast<int>(i & 1));
    co_return sum;
}

job spawn_and_join(int rounds) {
    int sum = 0;
    std::vector<job> jobs;
    for (int r = 0; r < rounds; ++r) {
        for (int i = 0; i < 1000; ++i) {
            jobs.push_back(ready(i));
            jobs.back().schedule();
        }
        for (job& j : jobs) sum += co_await j;
        jobs.clear();
    }
    co_return sum;
}

job yield_often(long n) {
    for (long i = 0; i < n; ++i) co_await yield();
    co_return 0;
}

void switch_between(int tasks, long total) {
    std::vector<job> jobs;
    for (int i = 0; i < tasks; ++i) {
        jobs.push_back(yield_often(total / tasks));
        jobs.back().schedule();
    }
    ring.run();
}

/// A timer in a heap, an await of one round, the timer taken out again.
job next_round() {
    co_await yield();
    co_return 1;
}

job with_timer(long n) {
    std::vector<double> heap;
    int sum = 0;
    for (long i = 0; i < n; ++i) {
        heap.push_back(-(bench::now_ns() + 1e9));
        std::push_heap(heap.begin(), heap.end());
        sum += co_await next_round();
        std::pop_heap(heap.begin(), heap.end());
        heap.pop_back();
    }
    co_return sum;
}

struct cancelled {};

struct forever {
    std::coroutine_handle<> waiter;
    bool throws = true;
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) { waiter = h; }
    int await_resume() const {
        if (throws) throw cancelled();
        return 1;
    }
};

job wait_forever(forever& f) { co_return co_await f; }

job cancel(bool throws, long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) {
        forever f{nullptr, throws};
        job victim = wait_forever(f);
        victim.schedule();
        co_await yield();
        ring.push(f.waiter);
        try {
            sum += co_await victim;
        } catch (const cancelled&) {
            ++sum;
        }
    }
    co_return sum;
}

template <std::size_t Capacity>
class int_queue {
   public:
    auto put(int v) {
        struct awaiter {
            int_queue& q;
            int v;
            bool await_ready() const { return q.last_ - q.first_ < Capacity; }
            void await_suspend(std::coroutine_handle<> h) { q.putter_ = h; }
            void await_resume() {
                q.items_[q.last_++ % Capacity] = v;
                if (q.getter_) ring.push(std::exchange(q.getter_, nullptr));
            }
        };
        return awaiter{*this, v};
    }
    auto get() {
        struct awaiter {
            int_queue& q;
            bool await_ready() const { return q.last_ != q.first_; }
            void await_suspend(std::coroutine_handle<> h) { q.getter_ = h; }
            int await_resume() {
                const int v = q.items_[q.first_++ % Capacity];
                if (q.putter_) ring.push(std::exchange(q.putter_, nullptr));
                return v;
            }
        };
        return awaiter{*this};
    }

   private:
    std::array<int, Capacity> items_{};
    std::size_t first_ = 0;
    std::size_t last_ = 0;
    std::coroutine_handle<> getter_;
    std::coroutine_handle<> putter_;
};

template <std::size_t Capacity>
job produce(int_queue<Capacity>& q, long n) {
    for (long i = 0; i < n; ++i) co_await q.put(static_cast<int>(i & 1));
    co_return 0;
}

template <std::size_t Capacity>
job consume(int_queue<Capacity>& q, long n) {
    int sum = 0;
    for (long i = 0; i < n; ++i) sum += co_await q.get();
    co_return sum;
}

template <std::size_t Capacity>
void through_queue(long n) {
    int_queue<Capacity> q;
    job consumer = consume(q, n);
    job producer = produce(q, n);
    consumer.schedule();
    producer.schedule();
    ring.run();
}

/// A stack that any thread pushes to and one takes whole; it wakes the taker once per burst.
class inbox {
   public:
    struct node {
        node* next;
    };
    void post(node* n) {
        n->next = top_.load(std::memory_order_relaxed);
        while (!top_.compare_exchange_weak(n->next, n, std::memory_order_acq_rel)) continue;
        if (n->next == nullptr) wake_.release();
    }
    long take() {
        wake_.acquire();
        long taken = 0;
        for (node* n = top_.exchange(nullptr, std::memory_order_acq_rel); n != nullptr; n = n->next)
            ++taken;
        return taken;
    }

   private:
    std::atomic<node*> top_{nullptr};
    std::counting_semaphore<> wake_{0};
};

double post_burst(long n) {
    inbox box;
    std::vector<inbox::node> nodes(static_cast<std::size_t>(n));
    std::atomic<bool> go{false};
    std::thread poster([&] {
        while (!go.load()) std::this_thread::yield();
        for (inbox::node& each : nodes) box.post(&each);
    });
    const double start = bench::now_ns();
    go.store(true);
    for (long arrived = 0; arrived < n;) arrived += box.take();
    const double each = (bench::now_ns() - start) / static_cast<double>(n);
    poster.join();
    return each;
}

double thread_round_trips(int n) {
    inbox there;
    inbox back;
    inbox::node to{};
    inbox::node fro{};
    std::thread worker([&] {
        for (int i = 0; i < n; ++i) {
            there.take();
            back.post(&fro);
        }
    });
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
        const double start = bench::now_ns();
        there.post(&to);
        back.take();
        times.push_back(bench::now_ns() - start);
    }
    worker.join();
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

[[gnu::noinline]] job deep(int n) {
    if (n == 0) co_return 0;
    co_return 1 + co_await deep(n - 1);
}

job deep_often(int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) sum += co_await deep(1000);
    co_return sum;
}

[[gnu::noinline]] job throw_at_the_bottom(int n) {
    if (n == 0) throw 42;
    co_return 1 + co_await throw_at_the_bottom(n - 1);
}

job throw_often(int repeats) {
    int sum = 0;
    for (int i = 0; i < repeats; ++i) {
        try {
            sum += co_await throw_at_the_bottom(10);
        } catch (int e) {
            sum += e;
        }
    }
    co_return sum;
}

}  // namespace

int main(int argc, char** argv) {
    bench::start(argc, argv, "floor");
    bench::run("W1_await_ready", 1e7, [] { run(await_ready(10'000'000)); });
    bench::run("W2_spawn_join", 1e6, [] { run(spawn_and_join(1000)); });
    bench::run("W3_switch_2", 1e7, [] { switch_between(2, 10'000'000); });
    bench::run("W3_switch_1000", 1e7, [] { switch_between(1000, 10'000'000); });
    bench::run("W5_wait_for", 1e6, [] { run(with_timer(1'000'000)); });
    bench::run("W6_cancel/throw", 2e5, [] { run(cancel(true, 200'000)); });
    bench::run("W6_cancel/as_outcome", 2e5, [] { run(cancel(false, 200'000)); });
    bench::run("W7_queue_1", 5e6, [] { through_queue<1>(5'000'000); });
    bench::run("W7_queue_64", 1e7, [] { through_queue<64>(10'000'000); });
    if (bench::wanted("W8")) {
        bench::report("W8_post_burst", bench::repeated([] { return post_burst(1'000'000); }));
        bench::report("W8_roundtrip_median",
                      bench::repeated([] { return thread_round_trips(10'000); }));
    }
    bench::run("W10_deep1000_per_level", 5e6, [] { run(deep_often(5000)); });
    bench::run("W10_throw_depth10", 1e4, [] { run(throw_often(10'000)); });
}
