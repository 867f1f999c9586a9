// map over processes: many items, a few calls, results in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/executor/process_pool_executor.hpp"
#include "asyncio/task/coroutine.hpp"

namespace asyncio {

namespace detail {

/// Runs in the worker.
template <class R, class F, class T>
auto run_process_chunk(F f, std::vector<T> items) {
    if constexpr (std::is_void_v<R>) {
        for (auto&& item : items) detail::invoke(f, T(std::move(item)));
    } else {
        std::vector<R> results;
        results.reserve(items.size());
        for (auto&& item : items) results.push_back(detail::invoke(f, T(std::move(item))));
        return results;
    }
}

/// Counts the items that are done and says so, as long as somebody listens.
template <class Progress>
class map_progress {
   public:
    map_progress(Progress told, std::size_t total) : told_(std::move(told)), total_(total) {}
    void add(std::size_t items) {
        done_ += items;
        if constexpr (!std::is_same_v<Progress, std::nullptr_t>)
            if (listening_) told_(done_, total_);
    }
    /// Everything is done, also if that has not been said yet.
    void complete() {
        if (done_ < total_) add(total_ - done_);
        stop();
    }
    void stop() noexcept { listening_ = false; }

   private:
    Progress told_;
    std::size_t total_;
    std::size_t done_ = 0;
    bool listening_ = true;
};

/// The chunks on their way, in order. What is left when it dies is cancelled.
template <class Result, class Progress>
class map_chunks {
   public:
    map_chunks(Progress told, std::size_t total)
        : progress_(std::make_shared<map_progress<Progress>>(std::move(told), total)) {}
    map_chunks(const map_chunks&) = delete;
    map_chunks& operator=(const map_chunks&) = delete;
    ~map_chunks() {
        progress_->stop();
        for (const future<Result>& f : running_) f.cancel("another part of the map has ended it");
    }
    void push(future<Result> f, std::size_t items) {
        f.add_done_callback([progress = progress_, items](const future<Result>& ended) {
            if (!ended.cancelled() && !ended.exception()) progress->add(items);
        });
        running_.push_back(std::move(f));
    }
    /// It stays here while it is awaited, so that it is cancelled, too.
    [[nodiscard]] const future<Result>& front() const noexcept { return running_.front(); }
    void pop() { running_.pop_front(); }
    void complete() { progress_->complete(); }
    [[nodiscard]] std::size_t size() const noexcept { return running_.size(); }

   private:
    std::deque<future<Result>> running_;
    std::shared_ptr<map_progress<Progress>> progress_;
};

/// Enough calls that the processes end at about the same time, few enough that sending costs
/// little.
inline std::size_t chunk_size_for(std::size_t items, std::size_t workers) noexcept {
    constexpr std::size_t calls_per_worker = 8;
    return std::max<std::size_t>(1, items / (workers * calls_per_worker));
}

template <class R, class F, class T, class Progress>
auto map_in_processes(process_pool_executor& pool, process_map_options options, F f,
                      std::vector<T> items, Progress progress)
    -> coroutine<std::conditional_t<std::is_void_v<R>, void, std::vector<R>>> {
    using result = std::conditional_t<std::is_void_v<R>, void, std::vector<R>>;
    event_loop& loop = get_running_loop();
    const std::size_t total = items.size();
    const std::size_t chunk =
        options.chunk_size != 0 ? options.chunk_size : chunk_size_for(total, pool.max_workers());
    // One call waits behind each that runs, so that no process waits for this loop.
    const std::size_t most = 2 * pool.max_workers();
    map_chunks<result, Progress> chunks(std::move(progress), total);
    std::conditional_t<std::is_void_v<R>, char, std::vector<R>> results{};
    std::size_t next = 0;
    while (next < total || chunks.size() > 0) {
        while (next < total && chunks.size() < most) {
            const std::size_t count = std::min(chunk, total - next);
            const auto from = items.begin() + static_cast<std::ptrdiff_t>(next);
            const std::vector<T> part(
                std::make_move_iterator(from),
                std::make_move_iterator(from + static_cast<std::ptrdiff_t>(count)));
            bool sent = false;
            while (!sent) {
                try {
                    const auto call = &run_process_chunk<R, F, T>;
                    chunks.push(loop.run_in_executor(&pool, options.call, call, f, part), count);
                    sent = true;
                } catch (const queue_full&) {
                    sent = false;  // others use the pool, too
                }
                if (!sent) {
                    future<> room = wrap_future(pool.room());
                    co_await std::move(room);
                }
            }
            next += count;
        }
        const future<result>& first = chunks.front();
        if constexpr (std::is_void_v<R>) {
            co_await first;
        } else {
            std::vector<R>& part = co_await first;
            results.insert(results.end(), std::make_move_iterator(part.begin()),
                           std::make_move_iterator(part.end()));
        }
        chunks.pop();
    }
    chunks.complete();
    if constexpr (!std::is_void_v<R>) co_return results;
}

}  // namespace detail

template <class F, class T, class Progress>
auto process_pool_executor::map(F&& f, std::vector<T> items, process_map_options options,
                                Progress&& progress) {
    using told = std::decay_t<Progress>;
    using function = detail::sent_as_t<F>;
    static_assert(std::is_same_v<told, std::nullptr_t> ||
                      std::is_invocable_v<told&, std::size_t, std::size_t>,
                  "progress is told progress(done, total): write [&](std::size_t done, std::size_t "
                  "total) { ... }");
    detail::check_temporaries<Progress>();
    using result = detail::process_result_t<F, T>;
    if constexpr (detail::check_process_call<F, T>()) detail::check_not_null(f);
    return detail::map_in_processes<result, function, T, told>(
        *this, options, function(f), std::move(items), std::forward<Progress>(progress));
}

}  // namespace asyncio
