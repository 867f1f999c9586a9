// task_group: tasks that end together. The way to run several things that belong together.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncio/compose/own_cancel.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/task/task.hpp"

namespace asyncio {

namespace detail {

class group_state;
class group_wait;

/// One child of a group that has not ended: in the child's list of waiters, and in the group's list
/// of children.
class group_child final : public done_node, public pooled {
   public:
    struct link final : list_hook {
        explicit link(group_child& c) noexcept : child(c) {}
        group_child& child;
    };
    explicit group_child(group_state& g) noexcept : group(g) {}
    void future_done(future_state_base& f) noexcept override;
    void future_dropped() noexcept override;
    group_state& group;
    task_state_base* task = nullptr;
    link in_group{*this};
};

class group_state : public pooled {
   public:
    group_state() = default;
    group_state(const group_state&) = delete;
    group_state& operator=(const group_state&) = delete;
    void add_ref() noexcept { ++refs_; }
    void release() noexcept {
        if (--refs_ == 0) delete this;
    }
    void enter();
    void check_can_create() const;
    void adopt(std::unique_ptr<group_child> c, task_state_base& t);
    void cancel(std::source_location where);
    coroutine<bool> exit(const std::exception_ptr& error);

   private:
    friend class group_child;
    friend class group_wait;
    enum class phase : unsigned char { created, open, exiting, over };
    ~group_state();
    coroutine<bool> leave();
    void fail_soon(group_child& c, future_state_base& f) noexcept;
    void child_failed(future_state_base& f);
    void child_gone() noexcept;
    void abort(const cancel_ref& why);

    unsigned refs_ = 0;
    phase phase_ = phase::created;
    bool aborting_ = false;
    cancel_ref abort_why_;
    own_cancel parent_;  ///< the task of the block
    group_wait* waiting_ = nullptr;
    std::optional<coroutine<bool>>
        leaving_;  ///< made by enter(): leaving must not fail for want of memory
    std::exception_ptr body_error_;
    intrusive_list<group_child::link> children_;
    std::vector<std::exception_ptr> errors_;
    std::exception_ptr fatal_;
};

[[noreturn]] void throw_moved_group();

}  // namespace detail

/// Used with asyncio::with: the block ends when its body and all tasks of the group have ended. The
/// first one that fails cancels the others and the body, and the block throws an exception_group of
/// all errors; a child that ends cancelled on its own is no error. A cancel from outside cancels
/// the children, waits for them, and goes on; with errors, it comes again at the next await. Once.
class task_group {
   public:
    task_group() : state_(new detail::group_state) {}
    task_group(task_group&&) noexcept = default;
    task_group& operator=(task_group&&) = delete;
    ~task_group() = default;

    /// Starts a child, like asyncio::create_task. Throws std::runtime_error (and destroys the
    /// coroutine) before the block, after it, and while the group is being cancelled.
    template <class T>
    task<T> create_task(coroutine<T> c, task_options options = {},
                        std::source_location where = std::source_location::current()) {
        return start(std::move(c), options, where);
    }
    template <detail::takes_options_last A>
    auto create_task(A&& a, task_options options) {
        return start(detail::to_coroutine(std::forward<A>(a)), options, {});
    }
    /// The form that owns the callable and its arguments.
    template <class F, class... Args>
        requires(!std::is_same_v<std::remove_cvref_t<F>, task_options>)
    auto create_task(F&& f, Args&&... args) {
        return start(detail::to_coroutine(std::forward<F>(f), std::forward<Args>(args)...), {}, {});
    }
    template <class F, class... Args>
        requires(!detail::is_coroutine<F>)
    auto create_task(task_options options, F&& f, Args&&... args) {
        return start(detail::to_coroutine(std::forward<F>(f), std::forward<Args>(args)...), options,
                     {});
    }
    /// Cancels the children and the body; the block then ends without an error, unless one failed
    /// in its clean-up or a cancel came from outside. Of a group that is over: nothing.
    void cancel(std::source_location where = std::source_location::current()) {
        checked().cancel(where);
    }

    /// What with() calls. Throws std::runtime_error outside a task, and the second time.
    void enter() { checked().enter(); }
    /// What with() calls: waits for the children. Gives true if the body was cancelled by this
    /// group only.
    coroutine<bool> exit(const std::exception_ptr& error) { return checked().exit(error); }

   private:
    template <class T>
    task<T> start(coroutine<T> c, const task_options& options, std::source_location where) {
        std::unique_ptr<detail::group_child> child;
        try {
            checked().check_can_create();
            child = std::make_unique<detail::group_child>(*state_);
        } catch (...) {
            c.close();
            throw;
        }
        task<T> t = detail::make_task(detail::loop_for("task_group::create_task"), std::move(c),
                                      options, where);
        state_->adopt(std::move(child), static_cast<detail::task_state_base&>(*t.state()));
        return t;
    }
    detail::group_state& checked() const {
        if (!state_) detail::throw_moved_group();
        return *state_;
    }
    detail::ref<detail::group_state> state_;
};

}  // namespace asyncio
