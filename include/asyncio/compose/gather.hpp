// gather: runs several awaitables at once and collects their results.
#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "asyncio/base/outcome.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

/// First argument of gather: errors and cancels come in place, as outcome<T>, instead of being
/// thrown.
struct return_exceptions_t {
    explicit return_exceptions_t() = default;
};
/// The argument itself: gather(return_exceptions, a, b).
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

/// The children in the order of the arguments; an array that is filled once.
class gather_children {
   public:
    using child = ref<future_state_base>;
    explicit gather_children(std::size_t capacity)
        : each_(std::allocator<child>().allocate(capacity)), capacity_(capacity) {}
    gather_children(gather_children&& o) noexcept
        : each_(std::exchange(o.each_, nullptr)),
          capacity_(o.capacity_),
          count_(std::exchange(o.count_, 0)),
          loop_(o.loop_) {}
    gather_children& operator=(gather_children&&) = delete;
    ~gather_children() {
        std::destroy_n(each_, count_);
        if (each_ != nullptr) std::allocator<child>().deallocate(each_, capacity_);
    }
    /// One more; there must be room.
    void add(child c) noexcept {
        loop_core* const l = c ? c->loop : nullptr;
        if (count_ == 0)
            loop_ = l;
        else if (l != loop_)
            loop_ = nullptr;
        std::construct_at(each_ + count_++, std::move(c));
    }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] future_state_base& operator[](std::size_t i) const noexcept { return *each_[i]; }
    [[nodiscard]] const child* begin() const noexcept { return each_; }
    [[nodiscard]] const child* end() const noexcept { return each_ + count_; }
    /// The loop of them all. An empty handle throws invalid_state_error, a second loop
    /// std::invalid_argument; for none it is the running loop.
    [[nodiscard]] loop_core& loop() const { return loop_ != nullptr ? *loop_ : find_loop(); }

   private:
    [[nodiscard]] loop_core& find_loop() const;
    child* each_;
    std::size_t capacity_;
    std::size_t count_ = 0;
    loop_core* loop_ = nullptr;  ///< null: they have not all the same one
};

/// What every gather does: counts its children, ends with the first error, cancels them all. It is
/// told by its children itself; where somebody else is told before it, a relay is.
class gather_base : private done_node {
   public:
    gather_base(const gather_base&) = delete;
    gather_base& operator=(const gather_base&) = delete;

   protected:
    gather_base(future_state_base& self, gather_children&& children, bool keep_errors) noexcept;
    virtual ~gather_base();
    /// Starts listening; the gather may be done afterwards.
    void listen();
    bool cancel_children(const cancel_ref& why);
    /// "gather() of 3, of which 1 is not done: task 'slow'".
    [[nodiscard]] std::string describe_children() const;
    /// Makes the result of the children's.
    virtual void collect() = 0;
    [[nodiscard]] const gather_children& children() const noexcept { return children_; }

   private:
    class relay;
    void future_done(future_state_base& f) noexcept final;
    void child_done(future_state_base& f) noexcept;
    void pass_cancel_on();
    bool pass_cancel_on_later();
    void finish_all() noexcept;
    void fail(std::exception_ptr e, bool is_error) noexcept;

    future_state_base& self_;
    gather_children children_;
    std::vector<std::unique_ptr<relay>> relays_;  // they leave before the children die, whose
                                                  // values may make other children end
    std::size_t left_;
    bool keep_errors_;
    bool cancel_requested_ = false;  ///< the reason is in self_.cancel_why
};

/// The loop of them all. An empty handle throws invalid_state_error, a second loop
/// std::invalid_argument; for none it is the running loop.
[[nodiscard]] loop_core& common_loop(const char* operation, const ref<future_state_base>* states,
                                     std::size_t n);

/// Keeps the first of each, in their order.
void collapse_duplicates(std::vector<ref<future_state_base>>& states);

/// A child's value in a tuple, and in a vector, which cannot hold references.
template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
template <class T>
using gathered_element =
    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, gathered<T>>;

/// The value of a child that is done. The gather holds one reference to it.
template <class T>
gathered<T> take_value(future_state_base& f) {
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return extract_value<T>(f, own_references(f));
    }
}

template <class T>
outcome<T> take_outcome(future_state_base& f) {
    if (f.status == future_status::cancelled) return outcome<T>(was_cancelled{f.cancel_why});
    if (f.status == future_status::error) return outcome<T>(f.error_or_cancel());
    if constexpr (std::is_void_v<T>) {
        return outcome<T>(std::in_place);
    } else {
        return outcome<T>(std::in_place, take_value<T>(f));
    }
}

template <bool KeepErrors, class... T>
using gather_tuple =
    std::conditional_t<KeepErrors, std::tuple<outcome<T>...>, std::tuple<gathered<T>...>>;

template <bool KeepErrors, class... T>
class gather_tuple_state final : public future_state<gather_tuple<KeepErrors, T...>>,
                                 private gather_base {
    using result = gather_tuple<KeepErrors, T...>;

   public:
    gather_tuple_state(loop_core& l, std::source_location where, gather_children&& children)
        : future_state<result>(l, false, where),
          gather_base(*this, std::move(children), KeepErrors) {}
    using gather_base::listen;
    bool cancel(const cancel_ref& why) override { return cancel_children(why); }
    [[nodiscard]] std::string describe() const override { return this->describe_children(); }

   private:
    void collect() override { collect(std::index_sequence_for<T...>()); }
    template <std::size_t... I>
    void collect(std::index_sequence<I...>) {
        if constexpr (KeepErrors) {
            this->emplace(take_outcome<T>(this->children()[I])...);
        } else {
            this->emplace(take_value<T>(this->children()[I])...);
        }
    }
};

template <bool KeepErrors, class T>
using gather_vector = std::conditional_t<
    KeepErrors, std::vector<outcome<T>>,
    std::conditional_t<std::is_void_v<T>, void, std::vector<gathered_element<T>>>>;

template <bool KeepErrors, class T>
class gather_vector_state final : public future_state<gather_vector<KeepErrors, T>>,
                                  private gather_base {
    using result = gather_vector<KeepErrors, T>;

   public:
    gather_vector_state(loop_core& l, std::source_location where, gather_children&& children)
        : future_state<result>(l, false, where),
          gather_base(*this, std::move(children), KeepErrors) {}
    using gather_base::listen;
    bool cancel(const cancel_ref& why) override { return cancel_children(why); }
    [[nodiscard]] std::string describe() const override { return this->describe_children(); }

   private:
    void collect() override {
        if constexpr (!std::is_void_v<result>) {
            result all;
            all.reserve(this->children().size());
            for (const auto& child : this->children()) {
                if constexpr (KeepErrors) {
                    all.push_back(take_outcome<T>(*child));
                } else if constexpr (std::is_reference_v<T>) {
                    all.push_back(std::addressof(take_value<T>(*child)));
                } else {
                    all.push_back(take_value<T>(*child));
                }
            }
            this->emplace(std::move(all));
        }
    }
};

/// What awaiting `A` results in, as the type of a future's value.
template <class A>
using future_value_t = typename decltype(ensure_future(std::declval<A>()))::value_type;

template <class State, class Result>
future<Result> start_gather(std::source_location where, gather_children&& children) {
    loop_core& loop = children.loop();
    auto* g = new State(loop, where, std::move(children));
    future<Result> f{ref<future_state_base>(g)};
    g->listen();
    return f;
}

template <bool KeepErrors, class... A>
auto gather_values(std::source_location where, A&&... aws) {
    (check_named<A>(), ...);
    gather_children children(sizeof...(A));
    (children.add(ensure_future(std::forward<A>(aws), {}).state()), ...);
    return start_gather<gather_tuple_state<KeepErrors, future_value_t<A>...>,
                        gather_tuple<KeepErrors, future_value_t<A>...>>(where, std::move(children));
}

inline auto gather_nothing() {
    auto done = loop_for("gather").create_future<std::tuple<>>();
    done.set_result(std::tuple<>());
    return done;
}

template <bool KeepErrors, class A>
auto gather_range(std::source_location where, std::vector<A> aws) {
    gather_children children(aws.size());
    for (A& a : aws) children.add(ensure_future(std::move(a), {}).state());
    return start_gather<gather_vector_state<KeepErrors, future_value_t<A>>,
                        gather_vector<KeepErrors, future_value_t<A>>>(where, std::move(children));
}

/// What {.return_exceptions = true} would be.
struct return_exceptions_in_braces {
    bool return_exceptions;
};
template <class A>
constexpr void refuse_return_exceptions_in_braces() {
    static_assert(!sizeof(std::remove_reference_t<A>*),
                  "gather's return_exceptions comes first: "
                  "gather(asyncio::return_exceptions, a, b)");
}

}  // namespace detail

/// Runs all of them at once (what is not a future or task becomes a task) and gives their results
/// in the order of the arguments, as a tuple; of void: std::monostate. The first error is thrown at
/// once, the others run on and their errors count as retrieved. Cancelling it cancels them all and
/// ends when all have ended. If it is dropped its children run on, but its callbacks do not run.
/// Futures of different loops throw std::invalid_argument. A named future keeps its result, which
/// is copied; give it away with std::move if that is not possible.
template <awaitable... A>
[[nodiscard("gather gives a future: co_await it")]] auto gather(A&&... aws) {
    if constexpr (sizeof...(A) == 0) {
        return detail::gather_nothing();
    } else {
        return detail::gather_values<false>({}, std::forward<A>(aws)...);
    }
}
/// The same for any number of one type; gives a vector (pointers for references), or nothing for
/// awaitables of nothing. Empty: done at once.
template <awaitable A>
[[nodiscard("gather gives a future: co_await it")]] auto gather(
    std::vector<A> aws, std::source_location where = std::source_location::current()) {
    return detail::gather_range<false>(where, std::move(aws));
}
template <class T>
auto gather(std::vector<coroutine<T>>& aws) {
    static_assert(!sizeof(T*), "coroutines are awaited once: write gather(std::move(v))");
    return gather(std::move(aws));
}
/// Waits for all whatever happens, and gives each one's outcome: gather(return_exceptions, a, b).
/// Cancelling it throws all the same.
template <awaitable... A>
[[nodiscard("gather gives a future: co_await it")]] auto gather(return_exceptions_t, A&&... aws) {
    if constexpr (sizeof...(A) == 0) {
        return detail::gather_nothing();
    } else {
        return detail::gather_values<true>({}, std::forward<A>(aws)...);
    }
}
template <awaitable A>
[[nodiscard("gather gives a future: co_await it")]] auto gather(
    return_exceptions_t, std::vector<A> aws,
    std::source_location where = std::source_location::current()) {
    return detail::gather_range<true>(where, std::move(aws));
}
template <class T>
auto gather(return_exceptions_t, std::vector<coroutine<T>>& aws) {
    static_assert(!sizeof(T*),
                  "coroutines are awaited once: write gather(return_exceptions, std::move(v))");
    return gather(return_exceptions, std::move(aws));
}
// Python's keyword at the end, which cannot decide about the type of the result.
template <class A>
auto gather(A&& a, detail::return_exceptions_in_braces) {
    detail::refuse_return_exceptions_in_braces<A>();
    return gather(return_exceptions, std::forward<A>(a));
}
template <class A, class B>
auto gather(A&& a, B&& b, detail::return_exceptions_in_braces) {
    detail::refuse_return_exceptions_in_braces<A>();
    return gather(return_exceptions, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B, class C>
auto gather(A&& a, B&& b, C&& c, detail::return_exceptions_in_braces) {
    detail::refuse_return_exceptions_in_braces<A>();
    return gather(return_exceptions, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}

}  // namespace asyncio
