// Context variables: values that follow a task, its callbacks and its threads.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "asyncio/base/context.hpp"
#include "asyncio/base/ref.hpp"

namespace asyncio {

namespace detail {

template <class T>
class typed_context_value final : public context_value {
   public:
    template <class... U>
    explicit typed_context_value(U&&... v) : value(std::forward<U>(v)...) {}
    const T value;
};

/// A context that several tasks share, so that one sees what another sets. One thread.
class context_cell {
   public:
    /// Makes it the current context. False if that was done already, further out.
    [[nodiscard]] bool enter() noexcept {
        if (std::exchange(entered_, true)) return false;
        lies_in_ = context_of_turn;
        context.swap_with_current();
        return true;
    }
    /// Makes it the current one again, although another one was entered meanwhile. The caller
    /// restores context_of_turn.
    void enter_again() const noexcept { context_of_turn = lies_in_; }
    void leave() noexcept {
        context.swap_with_current();
        entered_ = false;
    }
    context_ref context;
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) delete this;
    }

   private:
    unsigned refs_ = 0;
    bool entered_ = false;
    context_map** lies_in_ = nullptr;  ///< while it is entered: as context_of_turn
};

/// Makes a shared context the current one while it lives.
class cell_scope {
   public:
    explicit cell_scope(context_cell& cell) : cell_(cell) {
        if (!cell.enter())
            throw std::runtime_error(
                "asyncio: context::run: this context is the current one already");
    }
    cell_scope(const cell_scope&) = delete;
    cell_scope& operator=(const cell_scope&) = delete;
    ~cell_scope() { cell_.leave(); }

   private:
    context_cell& cell_;
};

}  // namespace detail

/// A context: what every variable holds. Given to create_task, several tasks share it.
class context {
   public:
    /// An empty one.
    context() : cell_(new detail::context_cell) {}
    /// Calls f(args...) with this context as the current one; what it sets stays in this context.
    /// Throws std::runtime_error inside itself.
    template <class F, class... Args>
    decltype(auto) run(F&& f, Args&&... args) const {
        const detail::cell_scope scope(*cell_);
        return std::forward<F>(f)(std::forward<Args>(args)...);
    }
    /// For create_task.
    [[nodiscard]] const detail::ref<detail::context_cell>& cell() const noexcept { return cell_; }

   private:
    friend context copy_context();
    detail::ref<detail::context_cell> cell_;
};

/// A copy of the running code's context.
[[nodiscard]] inline context copy_context() {
    context c;
    c.cell_->context = detail::context_ref::copy_current();
    return c;
}

/// A variable of which every task has its own value: a task starts with a copy of its creator's
/// context, a callback and a thread job run with a copy of the context in which they were handed
/// over; a coroutine that is awaited shares its caller's. Make it a global or a static: it must
/// outlive every context that holds it.
template <class T>
class context_var {
   public:
    /// What reset() needs to restore the value of before.
    class token {
       private:
        friend class context_var;
        token(const context_var& variable, detail::context_value* before) noexcept
            : variable_(&variable), before_(before) {
            if (before_ != nullptr) before_->add_ref();
        }

       public:
        token(token&& o) noexcept
            : variable_(o.variable_),
              before_(std::exchange(o.before_, nullptr)),
              used_(std::exchange(o.used_, true)) {}
        token& operator=(token&&) = delete;
        ~token() {
            if (before_ != nullptr) before_->release();
        }

       private:
        const context_var* variable_;
        detail::context_value* before_;
        bool used_ = false;
    };

    /// `name` is for messages; it must outlive the variable.
    explicit context_var(const char* name) noexcept : name_(name) {}
    context_var(const char* name, T default_value)
        : name_(name), default_(new T(std::move(default_value))) {}
    context_var(const context_var&) = delete;
    context_var& operator=(const context_var&) = delete;
    ~context_var() { delete default_; }

    /// The value in the current context, or the default. Throws std::out_of_range if there is
    /// neither.
    [[nodiscard]] const T& get() const {
        if (const auto* v = detail::context_find(this))
            return static_cast<const detail::typed_context_value<T>*>(v)->value;
        if (default_ != nullptr) return *default_;
        throw std::out_of_range(std::string("asyncio: context variable '") + name_ +
                                "' has no value here");
    }
    /// The value in the current context, or `fallback`.
    [[nodiscard]] T get(T fallback) const {
        const auto* v = detail::context_find(this);
        return v != nullptr ? static_cast<const detail::typed_context_value<T>*>(v)->value
                            : std::move(fallback);
    }
    /// Sets it in the current context. The token restores what was there before.
    token set(T value) const {
        token before(*this, detail::context_find(this));
        detail::context_replace(this, new detail::typed_context_value<T>(std::move(value)));
        return before;
    }
    /// Restores the value of before the set() that gave the token. A token works once.
    void reset(token& t) const {
        if (t.variable_ != this)
            throw std::invalid_argument(
                "asyncio: this context_var token was made by another variable");
        if (t.used_)
            throw std::invalid_argument("asyncio: this context_var token was used already");
        t.used_ = true;
        detail::context_replace(this, std::exchange(t.before_, nullptr));
    }
    void reset(token&& t) const { reset(t); }
    /// The name given at construction.
    [[nodiscard]] const char* name() const noexcept { return name_; }

   private:
    const char* name_;
    const T* default_ = nullptr;
};

}  // namespace asyncio
