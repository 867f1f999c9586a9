#include "asyncio/loop/loop_core.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace asyncio::detail {

ASYNCIO_THREAD_LOCAL loop_core* running_loop = nullptr;
ASYNCIO_THREAD_LOCAL loop_core* loop_of_turn = nullptr;
constinit std::atomic<bool> debug_was_on{false};

namespace {

/// Reading the clock costs more than a short turn: the shorter the turns were, the more of them
/// pass until it is read again.
constexpr auto shortest_without_clock = std::chrono::microseconds(5);
constexpr unsigned most_turns_without_clock = 64;

/// Waking costs more than what most deadlines lead to. If so many were due since the loop waited
/// last, the next ones are let gather until this long after it woke.
constexpr std::size_t crowd = 4;
constexpr auto between_crowds = std::chrono::microseconds(250);

/// Marks a closed inbox.
struct closed_marker final : ready_node {
    closed_marker() noexcept : ready_node(nullptr) {}
};
closed_marker posts_refused;

}  // namespace

loop_core::loop_core(std::unique_ptr<backend> b)
    : outside(std::move(b)), simulated(outside->picks()) {}
loop_core::~loop_core() = default;

bool loop_core::on_loop_thread() const noexcept { return running_loop == this; }

// ---- deadlines ----

deadline* expiry::end(ready_node& n) noexcept {
    const auto* const self = static_cast<expiry*>(&n);
    deadline* const d = self->deadline_;
    if (d != nullptr) d->place_ = nullptr;
    delete self;
    return d;
}

void expiry::run_it(ready_node& n) {
    if (deadline* const d = end(n)) d->expired();
}

void expiry::drop(ready_node& n) noexcept {
    if (n.run == &run_it) (void)end(n);
}

void deadline::arm(loop_core& loop, time_point when) { loop.timers.arm(*this, when, &fire); }

void deadline::arm_expired(loop_core& loop) {
    place_ = new expiry(*this);
    loop.schedule(*place_);
}

void deadline::disarm(loop_core& loop) noexcept {
    loop.timers.disarm(*this);
    if (is_due()) std::exchange(place_, nullptr)->forget();
}

void deadline::fire(timer_node& n, timer_event e) noexcept {
    if (e != timer_event::due) return;
    auto& self = static_cast<deadline&>(n);
    try {
        self.arm_expired(*loop_of_turn);
    } catch (const std::bad_alloc&) {
        self.expired();  // before its turn, but it does
    }
}

// ---- the turn ----

bool loop_core::post(ref<handle_state> h) noexcept {
    ready_node* n = h.get();
    ready_node* head = posted_.load(std::memory_order_relaxed);
    do {
        if (head == &posts_refused) return false;
        n->next_ready = head;
        // ORDER: seq_cst pairs with ask_outside(): either the poster sees asleep_, or the loop sees
        // the node.
    } while (!posted_.compare_exchange_weak(head, n, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
    (void)h.detach();  // the inbox owns the reference now
    // Whoever finds the inbox empty wakes the loop, once for all that follow until it looks.
    if (head == nullptr && asleep_.exchange(false, std::memory_order_seq_cst)) outside->wake();
    return true;
}

bool loop_core::recently_asked() noexcept {
    const time_point current = now();
    const auto passed = current - std::exchange(clock_read_at_, current);
    if (passed > longest_without_poll)
        turns_per_clock_ = 1;
    else if (passed < shortest_without_clock && turns_per_clock_ < most_turns_without_clock)
        turns_per_clock_ *= 2;
    clock_turn_ = turns + turns_per_clock_;
    return current - polled_at_ < longest_without_poll;
}

/// Asks without waiting, until there is work or `spin` has passed; nobody needs to wake the loop
/// meanwhile. True: there is work.
bool loop_core::spin_for_work() {
    time_point end = now() + spin;
    if (!timers.empty()) end = std::min(end, timers.next());
    do outside->poll(std::chrono::nanoseconds(0));
    while (!has_work() && now() < end);
    return has_work();
}

void loop_core::ask_outside(bool may_wait) {
    const bool must = std::exchange(ask_next_turn_, false) || ready.empty() || simulated;
    if (!must && recently_asked()) return;
    if (ready.empty()) turns_per_clock_ = 1;  // nobody knows how long the next turns will be
    const bool idle = may_wait && ready.empty();
    if (!idle || spin.count() == 0 || simulated || !spin_for_work()) {
        delay timeout = std::chrono::nanoseconds(0);
        if (idle) {
            asleep_.store(true, std::memory_order_seq_cst);
            if (posted_.load(std::memory_order_seq_cst) == nullptr && !signal_arrived_.load())
                timeout = until_worth_waking();
        }
        outside->poll(timeout);
        asleep_.store(false, std::memory_order_relaxed);
    }
    polled_at_ = clock_read_at_ = now();
    clock_turn_ = turns + turns_per_clock_;  // in a simulation always the next one
}

/// Until the next deadline; but while deadlines come in crowds, a few of them gather first.
delay loop_core::until_worth_waking() noexcept {
    const bool crowded = std::exchange(fired_since_wait_, 0) >= crowd;
    if (!crowded || timers.empty() || spin.count() != 0 || simulated) return until_next_timer();
    const time_point when = std::max(timers.next(), polled_at_ + between_crowds);
    return std::max<std::chrono::nanoseconds>(when - now(), std::chrono::nanoseconds(0));
}

delay loop_core::until_next_timer() const noexcept {
    if (timers.empty()) return delay::forever();
    const time_point current = now();
    if (timers.next() <= current) return std::chrono::nanoseconds(0);
    return timers.next() - current;
}

void loop_core::leave_to_host() noexcept {
    if (closed) return;
    if (!timers.empty()) outside->arm_fileno(timers.next());
    // ORDER: seq_cst pairs with post(): either the poster sees asleep_, or we see the node.
    asleep_.store(true, std::memory_order_seq_cst);
    host_waits_ = true;
    if (!ready.empty() || posted_.load(std::memory_order_seq_cst) != nullptr ||
        signal_arrived_.load())
        wake_host();
}

void loop_core::schedule_outside_of_turns(ready_node& n) noexcept {
    ready.push(n);
    if (host_waits_) wake_host();
}

void loop_core::wake_host() noexcept {
    host_waits_ = false;
    outside->wake();
}

void loop_core::collect_posted() noexcept {
    // ORDER: acquire, so that the callbacks are seen as their threads made them.
    ready_node* newest = posted_.exchange(nullptr, std::memory_order_acquire);
    ready_node* oldest = nullptr;
    while (newest != nullptr) {
        ready_node* next = newest->next_ready;
        newest->next_ready = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != nullptr) {
        ready_node* next = oldest->next_ready;
        ready.push(*oldest);
        oldest = next;
    }
}

void loop_core::refuse_posts() noexcept {
    collect_posted();
    // ORDER: acq_rel: what was posted until now is collected below.
    ready_node* late = posted_.exchange(&posts_refused, std::memory_order_acq_rel);
    while (late != nullptr && late != &posts_refused) {
        ready_node* next = late->next_ready;
        ready.push(*late);
        late = next;
    }
}

}  // namespace asyncio::detail
