// The context: what context variables hold at one moment. Immutable and shared; setting a variable
// makes a new one. The current one belongs to the thread; a task, a callback and a thread job carry
// their own copy (one pointer).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "asyncio/base/config.hpp"
#include "asyncio/base/shared_count.hpp"

namespace asyncio::detail {

/// A variable's value, kept alive by every context that holds it. Any thread may drop the last
/// reference.
class context_value {
   public:
    context_value() noexcept = default;
    context_value(const context_value&) = delete;
    context_value& operator=(const context_value&) = delete;
    virtual ~context_value() = default;
    void add_ref() noexcept { refs_.add(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }

   private:
    shared_count refs_{1};
};

class context_map {
   public:
    struct entry {
        const void* variable;
        context_value* value;
    };
    context_map() noexcept = default;
    context_map(const context_map&) = delete;
    context_map& operator=(const context_map&) = delete;
    ~context_map();
    void add_ref() noexcept { refs_.add(); }
    void release() noexcept {
        if (refs_.drop()) delete this;
    }
    std::vector<entry> entries;

   private:
    shared_count refs_{1};
};

/// What the running code's context lies in: that of the task or callback whose turn it is, or, if
/// this is null, the thread's own. It owns a reference; null: empty.
extern ASYNCIO_THREAD_LOCAL context_map** context_of_turn;
extern ASYNCIO_THREAD_LOCAL context_map* context_of_thread;

/// The context of the running code.
inline context_map*& current_context() noexcept {
    return context_of_turn != nullptr ? *context_of_turn : context_of_thread;
}

/// A context as somebody carries it. Null: empty.
class context_ref {
   public:
    context_ref() noexcept = default;
    context_ref(const context_ref& o) noexcept : context_ref(o.p_) {}
    context_ref(context_ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
    context_ref& operator=(context_ref o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~context_ref() {
        if (p_ != nullptr) p_->release();
    }
    /// A copy of the running code's context.
    static context_ref copy_current() noexcept { return context_ref(current_context()); }
    [[nodiscard]] bool empty() const noexcept { return p_ == nullptr; }
    /// Makes this the current context, until leave() or for as long as a context_scope lives. What
    /// is set meanwhile is set in this one, which must not move.
    void enter() noexcept { context_of_turn = &p_; }
    /// The thread's own context is the current one again.
    static void leave() noexcept { context_of_turn = nullptr; }
    /// Makes this the current context; again: puts the old one back and keeps what became of this
    /// one.
    void swap_with_current() noexcept { std::swap(p_, current_context()); }

   private:
    explicit context_ref(context_map* p) noexcept : p_(p) {
        if (p_ != nullptr) p_->add_ref();
    }
    context_map* p_ = nullptr;
};

/// Makes a context current while it lives.
class context_scope {
   public:
    explicit context_scope(context_ref& context) noexcept : outer_(context_of_turn) {
        context.enter();
    }
    context_scope(const context_scope&) = delete;
    context_scope& operator=(const context_scope&) = delete;
    ~context_scope() { context_of_turn = outer_; }

   private:
    context_map** outer_;
};

/// The value of `variable` in the current context, or null.
[[nodiscard]] context_value* context_find(const void* variable) noexcept;
/// Replaces the current context by one where `variable` has `value` (null: has none). Takes the
/// value over.
void context_replace(const void* variable, context_value* value);

}  // namespace asyncio::detail
