// Bugs of one process: all they need is another order, or a call that takes its time.
#include <map>
#include <optional>
#include <vector>

#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/executor/to_thread.hpp"
#include "asyncio/loop/random.hpp"
#include "asyncio/sync/event.hpp"
#include "asyncio/sync/lock.hpp"
#include "asyncio/sync/queue.hpp"
#include "asyncio/testing/simulate.hpp"
#include "testing/planted_bugs.hpp"

namespace planted {

namespace {

using namespace std::chrono_literals;
using asyncio::coroutine;
using asyncio::create_task;
using asyncio::future;
using asyncio::gather;
using asyncio::sleep;
using asyncio::testing::expect;

// ---- a wake-up between the check and the wait is lost ----

struct mailbox {
    bool full = false;
    future<> waiter{};
};

template <version V>
coroutine<> receive(mailbox& box) {
    if (box.full) co_return;
    co_await sleep(0s);  // "waiting for mail" goes to the log
    if (V == fixed && box.full) co_return;
    box.waiter = asyncio::get_running_loop().create_future();
    co_await box.waiter;
}

coroutine<> post(mailbox& box) {
    co_await sleep(0s);
    co_await sleep(0s);
    box.full = true;
    if (box.waiter.valid()) box.waiter.set_result();
}

template <version V>
coroutine<> lost_wakeup_main() {
    mailbox box;
    co_await gather(create_task(receive<V>, std::ref(box)), create_task(post, std::ref(box)));
}

// ---- the check is out of date when the program acts ----

struct account {
    int balance = 100;
    asyncio::lock lock{"account"};
};

coroutine<> withdraw(account& a, int amount) {
    if (a.balance < amount) co_return;
    co_await sleep(0s);  // the withdrawal goes to the books
    a.balance -= amount;
}

template <version V>
coroutine<> customer(account& a, int thinks) {
    for (int i = 0; i < thinks; ++i) co_await sleep(0s);
    if (V == buggy) {
        co_await withdraw(a, 60);
    } else {
        const auto guard = co_await a.lock.scoped_acquire();
        co_await withdraw(a, 60);
    }
}

template <version V>
coroutine<> check_then_act_main() {
    account a;
    co_await gather(create_task(customer<V>, std::ref(a), 0),
                    create_task(customer<V>, std::ref(a), 2));
    expect(a.balance >= 0, "the account is overdrawn");
}

// ---- two locks in two orders ----

coroutine<> transfer(asyncio::lock& from, asyncio::lock& to, int thinks) {
    for (int i = 0; i < thinks; ++i) co_await sleep(0s);
    const auto first = co_await from.scoped_acquire();
    co_await sleep(0s);
    const auto second = co_await to.scoped_acquire();
}

template <version V>
coroutine<> lock_order_main() {
    asyncio::lock a("a");
    asyncio::lock b("b");
    const bool in_order = V == fixed;
    co_await gather(
        create_task(transfer, std::ref(a), std::ref(b), 0),
        create_task(transfer, std::ref(in_order ? a : b), std::ref(in_order ? b : a), 3));
}

// ---- what a cancelled function does not clean up ----

int on_disk(int page) { return page * 2; }

struct disk {
    bool busy = false;
};

struct busy_scope {
    explicit busy_scope(disk& of) : d(of) { d.busy = true; }
    ~busy_scope() { d.busy = false; }
    disk& d;
};

template <version V>
coroutine<int> read_page(disk& d, int page) {
    if (V == fixed) {
        const busy_scope scope(d);
        const int result = co_await asyncio::to_thread(on_disk, page);
        co_return result;
    }
    d.busy = true;
    const int result = co_await asyncio::to_thread(on_disk, page);
    d.busy = false;
    co_return result;
}

template <version V>
coroutine<> forgotten_cleanup_main() {
    disk d;
    for (int page = 0; page < 3; ++page) {
        expect(!d.busy, "the disk is busy, but nobody uses it");
        try {
            // It takes up to 10 ms, in simulations as in life.
            (void)co_await asyncio::wait_for(read_page<V>(d, page), 9900us * patience);
        } catch (const asyncio::timeout_error&) {
        }
    }
}

// ---- a resource goes back twice ----

struct pool {
    std::vector<int> free{1, 2, 3};
    int take() {
        const int c = free.back();
        free.pop_back();
        return c;
    }
    void give_back(int c) { free.push_back(c); }
};

template <version V>
coroutine<> query(pool& p, int page) {
    const int connection = p.take();
    try {
        (void)co_await asyncio::wait_for(asyncio::to_thread(on_disk, page), 9900us * patience);
    } catch (const asyncio::timeout_error&) {
        if (V == buggy) p.give_back(connection);  // "it must not leak"
    }
    p.give_back(connection);
}

template <version V>
coroutine<> double_release_main() {
    pool p;
    co_await gather(create_task(query<V>, std::ref(p), 1), create_task(query<V>, std::ref(p), 2),
                    create_task(query<V>, std::ref(p), 3));
    expect(p.free.size() == 3, "a connection went back twice");
}

// ---- retries make it worse ----

constexpr int clients = 9;

struct service {
    asyncio::queue<future<>> requests;
    int asked = 0;
};

template <version V>
coroutine<> serve(service& s) {
    for (;;) {
        const future<> answer = co_await s.requests.get();
        if (V == fixed && answer.done()) continue;  // nobody waits for it any more
        (void)co_await asyncio::to_thread(on_disk, 1);
        if (!answer.done()) answer.set_result();
    }
}

template <version V>
coroutine<> client(service& s) {
    auto limit = 25ms * patience;
    for (;;) {
        const future<> answer = asyncio::get_running_loop().create_future();
        ++s.asked;
        expect(s.asked <= 4 * clients, "the clients ask again and again");
        s.requests.put_nowait(answer);
        try {
            co_await asyncio::wait_for(answer, limit);
            co_return;
        } catch (const asyncio::timeout_error&) {
        }
        if (V == buggy) continue;
        asyncio::random_source random;
        co_await sleep(1ms * static_cast<int>(random() % 20));
        limit *= 2;
    }
}

template <version V>
coroutine<> retry_storm_main() {
    service s;
    const auto server = create_task(serve<V>, std::ref(s));
    std::vector<asyncio::task<>> all;
    for (int i = 0; i < clients; ++i) all.push_back(create_task(client<V>, std::ref(s)));
    co_await gather(std::move(all));
    server.cancel();
}

// ---- an item that was taken and not worked on ----

struct plant {
    asyncio::queue<int> belt;
    std::vector<int> done{};
};

template <version V>
coroutine<> work_on_one(plant& p) {
    const int item = co_await p.belt.get();
    try {
        (void)co_await asyncio::to_thread(on_disk, item);
    } catch (const asyncio::cancelled_error&) {
        if (V == fixed) p.belt.put_nowait(item);
        throw;
    }
    p.done.push_back(item);
}

template <version V>
coroutine<> item_lost_on_cancel_main() {
    plant p;
    constexpr std::size_t items = 4;
    for (std::size_t i = 0; i < items; ++i) p.belt.put_nowait(static_cast<int>(i));
    while (!p.belt.empty()) {
        try {
            co_await asyncio::wait_for(work_on_one<V>(p), 9900us * patience);
        } catch (const asyncio::timeout_error&) {
        }
    }
    expect(p.done.size() == items, "an item was lost");
}

// ---- an entry that stays when nobody waits any more ----

struct exchange {
    std::map<int, future<>> open{};
    int last = 0;
};

struct entry_scope {
    entry_scope(exchange& of, int i) : e(of), id(i) {}
    ~entry_scope() { e.open.erase(id); }
    exchange& e;
    int id;
};

coroutine<> answer_one(exchange& e, int id) {
    (void)co_await asyncio::to_thread(on_disk, id);
    const auto at = e.open.find(id);
    if (at != e.open.end() && !at->second.done()) at->second.set_result();
}

template <version V>
coroutine<> request(exchange& e) {
    const int id = ++e.last;
    const future<> answer = asyncio::get_running_loop().create_future();
    e.open[id] = answer;
    std::optional<entry_scope> scope;
    if (V == fixed) scope.emplace(e, id);
    const auto peer = create_task(answer_one, std::ref(e), id);
    try {
        co_await asyncio::wait_for(answer, 9900us * patience);
        e.open.erase(id);
    } catch (const asyncio::timeout_error&) {
    }
}

template <version V>
coroutine<> leak_on_timeout_main() {
    exchange e;
    for (int i = 0; i < 3; ++i) co_await request<V>(e);
    co_await sleep(20ms);
    expect(e.open.empty(), "requests that are over are still in the table");
}

}  // namespace

const bug lost_wakeup{"lost wake-up", lost_wakeup_main<buggy>, lost_wakeup_main<fixed>, false, {}};
const bug check_then_act{"check-then-act across an await",
                         check_then_act_main<buggy>,
                         check_then_act_main<fixed>,
                         false,
                         {}};
const bug lock_order{"lock order", lock_order_main<buggy>, lock_order_main<fixed>, false, {}};
const bug forgotten_cleanup{"forgotten cancellation cleanup",
                            forgotten_cleanup_main<buggy>,
                            forgotten_cleanup_main<fixed>,
                            false,
                            {}};
const bug double_release{
    "double release", double_release_main<buggy>, double_release_main<fixed>, false, {}};
const bug retry_storm{"retry storm", retry_storm_main<buggy>, retry_storm_main<fixed>, false, {}};
const bug item_lost_on_cancel{"a queue item lost on cancel",
                              item_lost_on_cancel_main<buggy>,
                              item_lost_on_cancel_main<fixed>,
                              false,
                              {}};
const bug leak_on_timeout{
    "a leak on timeout", leak_on_timeout_main<buggy>, leak_on_timeout_main<fixed>, false, {}};

}  // namespace planted
