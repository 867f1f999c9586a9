// as_completed: results in the order in which they come.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/base/delay.hpp"
#include "asyncio/compose/gather.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

class completed_wait;

/// The futures that are not yet given out, and who waits for the next one.
class completion_source : public pooled {
   public:
    completion_source(std::vector<ref<future_state_base>> states, delay timeout);
    completion_source(const completion_source&) = delete;
    completion_source& operator=(const completion_source&) = delete;
    ~completion_source();
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) delete this;
    }
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

   private:
    friend class completed_wait;
    struct listener final : done_node {
        void future_done(future_state_base&) noexcept override { owner->completed(*this); }
        completion_source* owner = nullptr;
        ref<future_state_base> state;  ///< until it is done
    };
    struct limit final : deadline {
        void expired() noexcept override { owner->time_is_up(); }
        completion_source* owner = nullptr;
    };
    void completed(listener& l) noexcept;
    void time_is_up() noexcept;
    void wake_all() noexcept;

    unsigned refs_ = 0;
    loop_core& loop_;
    std::unique_ptr<listener[]> listeners_;
    std::vector<ref<future_state_base>> done_;  // in that order; room for all is reserved
    std::size_t pending_ = 0;
    std::size_t taken_ = 0;  // how many of done_ were given out
    std::size_t left_;       // not given out, done or not
    bool expired_ = false;
    limit limit_;
    intrusive_list<completed_wait> waiting_;
};

/// Waits for the next one of a source.
class completed_wait : public wait_node, public list_hook {
   public:
    explicit completed_wait(ref<completion_source> s) noexcept : source_(std::move(s)) {}
    completed_wait(completed_wait&& o) noexcept : wait_node(o), source_(std::move(o.source_)) {}
    [[nodiscard]] bool await_ready() const noexcept;
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
        suspend(promise_of(h));
    }

   protected:
    ~completed_wait() = default;
    /// The next one that is done. Throws timeout_error if the time is up before.
    ref<future_state_base> take();

   private:
    friend class completion_source;
    void suspend(promise_base& p);
    bool cancel_wait(task_state_base& t, const cancel_ref&) noexcept override;
    [[nodiscard]] std::string describe() const override { return "the next of as_completed()"; }
    ref<completion_source> source_;
    task_state_base* task_ = nullptr;
    ref<future_state_base> given_;
    bool cancelled_ = false;
};

/// Gives the next result.
template <class T>
class [[nodiscard("co_await it to get the next result")]] next_result final
    : public completed_wait {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    using completed_wait::completed_wait;
    T await_resume() {
        const ref<future_state_base> f = take();
        if (f->status == future_status::error) [[unlikely]]
            meet_exception(*f);
        f->check_value();
        return extract_value<T>(*f);
    }
};

/// Gives the future itself.
template <class F>
class [[nodiscard("co_await it to get the next task")]] next_future final : public completed_wait {
   public:
    using asyncio_awaitable = void;
    using asyncio_awaiter = void;
    using completed_wait::completed_wait;
    F await_resume() { return F(take()); }
};

}  // namespace detail

/// What as_completed() gives. As a range: as many awaitables as there were arguments; each gives
/// the result (or throws the error) of the next one that completes, to whoever awaits it first.
/// next(): the very task or future that completed next. Keep the range until the last await.
template <class F>
class completed_range {
    using T = typename F::value_type;

   public:
    explicit completed_range(detail::ref<detail::completion_source> source) noexcept
        : source_(std::move(source)) {}

    /// How many were not given out yet.
    [[nodiscard]] std::size_t left() const noexcept { return source_->left(); }
    /// An awaitable of the future that completes next: `while (r.left() > 0) { auto t = co_await
    /// r.next(); ... }`. Suspends only if none is done. A cancel leaves the tasks running. Throws
    /// timeout_error when the time is up (which counts as one of those left), and
    /// invalid_state_error when nothing is left.
    detail::next_future<F> next() const { return detail::next_future<F>(source_); }

    /// What a range-based for needs.
    class iterator {
       public:
        iterator(const detail::ref<detail::completion_source>* source, std::size_t left) noexcept
            : source_(source), left_(left) {}
        detail::next_result<T> operator*() const { return detail::next_result<T>(*source_); }
        iterator& operator++() noexcept {
            --left_;
            return *this;
        }
        bool operator==(std::default_sentinel_t) const noexcept { return left_ == 0; }

       private:
        const detail::ref<detail::completion_source>* source_;
        std::size_t left_;
    };
    /// The awaitables, one for each result that was not given out yet.
    [[nodiscard]] iterator begin() const noexcept { return iterator(&source_, source_->left()); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

   private:
    detail::ref<detail::completion_source> source_;
};

/// Runs all of them at once and gives their results as they come: `for (auto next :
/// as_completed(std::move(v))) { auto r = co_await next; }`. With a timeout, awaiting throws
/// timeout_error once the time is up and nothing more is done; nothing is cancelled. Duplicates
/// collapse.
template <awaitable A>
[[nodiscard]] auto as_completed(std::vector<A> aws, delay timeout = delay::forever()) {
    std::vector<detail::ref<detail::future_state_base>> states;
    states.reserve(aws.size());
    for (A& a : aws) states.push_back(ensure_future(std::move(a), {}).state());
    using handle_type =
        std::conditional_t<detail::is_future_v<A>, A, task<detail::future_value_t<A>>>;
    return completed_range<handle_type>(detail::ref<detail::completion_source>(
        new detail::completion_source(std::move(states), timeout)));
}
template <class T>
auto as_completed(std::vector<coroutine<T>>& aws, delay timeout = delay::forever()) {
    static_assert(!sizeof(T*), "coroutines are awaited once: write as_completed(std::move(v))");
    return as_completed(std::move(aws), timeout);
}
/// The same for some of one type.
template <awaitable A, awaitable... More>
    requires(std::is_same_v<std::decay_t<A>, std::decay_t<More>> && ...)
[[nodiscard]] auto as_completed(A&& first, More&&... more) {
    std::vector<std::decay_t<A>> aws;
    aws.reserve(1 + sizeof...(More));
    aws.push_back(std::forward<A>(first));
    (aws.push_back(std::forward<More>(more)), ...);
    return as_completed(std::move(aws));
}

}  // namespace asyncio
