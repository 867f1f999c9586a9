// queue, lifo_queue, priority_queue: items that tasks hand to each other.
#pragma once

#include <coroutine>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncio/base/temporaries.hpp"
#include "asyncio/sync/queue_core.hpp"
#include "asyncio/sync/queue_items.hpp"

namespace asyncio {

namespace detail {

template <class T, class Items>
class basic_queue;

/// `co_await q.get()`.
template <class T, class Items>
class [[nodiscard("get() does nothing until it is awaited: co_await it")]] queue_get final
    : public sync_awaiter<basic_queue<T, Items>, item_wait> {
   public:
    explicit queue_get(basic_queue<T, Items>& q) noexcept : queue_get::sync_awaiter(q) {}
    [[nodiscard]] bool await_ready() const noexcept {
        return this->primitive_.need_not_wait_to_get();
    }
    [[gnu::always_inline]] T await_resume() {
        this->finish();
        return this->primitive_.take_next();
    }
};

/// `co_await q.put(item)`. Keeps the item until there is room.
template <class T, class Items>
class [[nodiscard("put() does nothing until it is awaited: co_await it")]] queue_put final
    : public sync_awaiter<basic_queue<T, Items>, room_wait<T>> {
   public:
    template <class... Args>
    explicit queue_put(basic_queue<T, Items>& q, std::in_place_t, Args&&... args)
        : queue_put::sync_awaiter(q), item_(std::forward<Args>(args)...) {}
    [[nodiscard]] bool await_ready() const noexcept {
        return this->primitive_.need_not_wait_to_put();
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        this->wait(promise_of(h), item_);
    }
    [[gnu::always_inline]] void await_resume() {
        if (auto* const w = this->waited()) [[unlikely]] {
            if (w->was_served()) return;
            w->finish();
        }
        this->primitive_.store_next(std::move(item_));
    }

   private:
    T item_;
};

/// What all three queues offer.
template <class T, class Items>
class basic_queue : public queue_core {
    static_assert(std::is_object_v<T>, "a queue holds values: use T* to hold references");
    static_assert(alignof(T) <= 16,
                  "a queue's items cannot be over-aligned: put std::unique_ptr to them");

   public:
    /// Waits until there is room, and puts the item in. Suspends only if it is full or others wait
    /// for room. A cancel leaves no item behind, and room that was just granted goes to the next
    /// one; if a get has taken the item already, the cancel comes at the task's next wait. Throws
    /// queue_shut_down after shutdown().
    queue_put<T, Items> put(T&& item) {
        static_assert(!is_fragile_aggregate<T>,
                      "g++ 12 destroys a braced temporary twice if it stands in one expression "
                      "with co_await: name the item and write co_await q.put(std::in_place, "
                      "std::move(item)), or give its type a constructor");
        return queue_put<T, Items>(*this, std::in_place, std::move(item));
    }
    queue_put<T, Items> put(const T& item) {
        static_assert(std::is_copy_constructible_v<T>,
                      "this item cannot be copied: write q.put(std::move(item))");
        return queue_put<T, Items>(*this, std::in_place, item);
    }
    /// The same; makes the item of `args`.
    template <class... Args>
    queue_put<T, Items> put(std::in_place_t, Args&&... args) {
        return queue_put<T, Items>(*this, std::in_place, std::forward<Args>(args)...);
    }
    /// Puts the item in at once. Throws queue_full or queue_shut_down.
    void put_nowait(T item) {
        check_can_put();
        store(std::move(item));
        take_back_room();
    }

    /// Waits for an item and takes it out. Suspends only if there is none for it: those who wait
    /// get theirs first. A put that waited and was granted room hands its item over without
    /// another turn. A cancel loses no item: one that was just granted goes to the next one. Throws
    /// queue_shut_down once the queue is shut down and empty.
    queue_get<T, Items> get() noexcept { return queue_get<T, Items>(*this); }
    /// Takes an item out at once. Throws queue_empty, or queue_shut_down if none will come.
    T get_nowait() {
        check_can_get();
        T item = take();
        take_back_item();
        return item;
    }

    /// shutdown(), and throws away what is in it: gets throw at once, and these items count as
    /// done.
    void shutdown_immediate() {
        shutdown();
        const Items dropped(std::move(items_));  // destroyed last: a destructor may do anything
        forget_items();
    }

   protected:
    template <class... Args>
    explicit basic_queue(std::size_t maxsize, std::string_view name, Args&&... args)
        : queue_core(maxsize, name), items_(std::forward<Args>(args)...) {}

   private:
    friend queue_get<T, Items>;
    friend queue_put<T, Items>;

    void store(T&& item) {
        try {
            items_.push(std::move(item));
        } catch (...) {
            wake_putters();
            throw;
        }
        item_added();
    }
    T take() {
        T item = pop();
        item_taken();
        return item;
    }
    [[nodiscard]] bool need_not_wait_to_get() const noexcept {
        return can_get() || is_shut_down() || can_take_offer();
    }
    [[nodiscard]] bool need_not_wait_to_put() const noexcept { return can_put() || is_shut_down(); }
    /// Only where its item is the next one in any case.
    [[nodiscard]] bool can_take_offer() const noexcept {
        return std::is_same_v<Items, fifo_items<T>> && has_offer();
    }
    /// For a get that need not wait any more. Throws if the queue was shut down and is empty.
    [[gnu::always_inline]] T take_next() {
        if (can_take_offer()) [[unlikely]]
            return take_offer();
        check_can_get();
        return take();
    }
    [[gnu::noinline]] T take_offer() {
        check_offer();
        T item(std::move(static_cast<room_wait<T>&>(offering()).item()));
        offer_taken();
        return item;
    }
    /// For a put that need not wait any more. Throws if the queue was shut down.
    void store_next(T&& item) {
        check_open();
        store(std::move(item));
    }
    T pop() {
        try {
            return items_.pop();
        } catch (...) {
            wake_getters();
            throw;
        }
    }

    Items items_;
};

}  // namespace detail

/// First in, first out. It must outlive the tasks that use it; if it does not, those that wait get
/// a std::runtime_error. One loop, its thread: from another thread write
/// loop.call_soon_threadsafe([&] { q.put_nowait(item); }).
template <class T>
class queue : public detail::basic_queue<T, detail::fifo_items<T>> {
   public:
    /// `maxsize` 0: without a limit. The name is for reports.
    explicit queue(std::size_t maxsize = 0, std::string_view name = {})
        : detail::basic_queue<T, detail::fifo_items<T>>(maxsize, name) {}
};

/// Last in, first out.
template <class T>
class lifo_queue : public detail::basic_queue<T, detail::lifo_items<T>> {
   public:
    explicit lifo_queue(std::size_t maxsize = 0, std::string_view name = {})
        : detail::basic_queue<T, detail::lifo_items<T>>(maxsize, name) {}
};

/// The smallest first, as in Python; with a Compare of your own, the one that comes before all
/// others.
template <class T, class Compare = detail::smaller_first>
class priority_queue : public detail::basic_queue<T, detail::heap_items<T, Compare>> {
    static_assert(std::is_move_constructible_v<T> && std::is_move_assignable_v<T>,
                  "a priority_queue moves its items about: they must be movable and assignable; "
                  "put std::unique_ptr to those that are not");
    static_assert(
        !std::is_same_v<Compare, detail::smaller_first> ||
            requires(const T& a, const T& b) { static_cast<bool>(a < b); },
        "a priority_queue compares its items: give them an operator<, or the queue a "
        "Compare: priority_queue<T, Compare>");

   public:
    explicit priority_queue(std::size_t maxsize = 0, std::string_view name = {},
                            Compare compare = {})
        : detail::basic_queue<T, detail::heap_items<T, Compare>>(maxsize, name,
                                                                 std::move(compare)) {}
};

}  // namespace asyncio
