#include "asyncio/task/task_state.hpp"

#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "base/place.hpp"

namespace asyncio::detail {

namespace {

event_loop& loop_of(const future_state_base& f) noexcept {
    return static_cast<event_loop&>(*f.loop);
}

std::string created_line(const future_state_base& f) {
    if (f.created.line() == 0) return {};
    return "  created at " + place_text(f.created);
}

std::string lines(std::string first, const std::string& second) {
    if (!first.empty() && !first.ends_with('\n') && !second.empty()) first += "\n";
    return first + second;
}

std::string name_of(const future_state_base& f) {
    return f.is_task ? static_cast<const task_state_base&>(f).name() : std::string();
}

/// Reports must not throw out of destructors: what `details` makes belongs to the attempt.
template <class Details>
void report(future_state_base& f, const char* message, const std::exception_ptr& e,
            Details details) noexcept {
    try {
        loop_of(f).call_exception_handler(
            {.message = message, .exception = e, .task_name = name_of(f), .details = details()});
    } catch (...) {
        std::fputs("asyncio: an exception could not be reported\n", stderr);
    }
}

}  // namespace

void future_state_base::drop_waiters() noexcept {
    waiters_.take_all([](done_node& n) { n.future_dropped(); });
}

void future_state_base::report_unretrieved() noexcept {
    report(*this, "Future exception was never retrieved", exception,
           [this] { return created_line(*this); });
}

void future_state_base::require_pending(const char* operation) const {
    if (is_task)
        throw_invalid_state(
            "asyncio: a task's result is set by its coroutine, not by set_result or set_exception");
    check_thread(operation);
    if (!done()) {
        if (!waiters_.empty()) loop_of(*this).check_usable(operation);
        return;
    }
    throw invalid_state_error(std::string("asyncio: ") + operation + ": the future is " +
                              (status == future_status::cancelled ? "cancelled" : "done") +
                              " already; a future is set once (ask done() first)");
}

void future_state_base::check_thread(const char* operation) const {
    if (loop->debug) [[unlikely]]
        loop_of(*this).check_thread(operation);
}

std::string future_state_base::describe() const {
    return created.line() == 0 ? "a future" : "a future made at " + place_text(created);
}

std::string future_state_base::describe_as_part() const {
    return is_task ? describe() : future_state_base::describe();
}

void future_state_base::set_exception(std::exception_ptr e) {
    if (!e) throw_invalid_argument("asyncio: set_exception: the exception is null");
    if (const cancelled_error* c = as_cancelled(e)) {
        cancel_why = c->record();
        finish(future_status::cancelled);
        return;
    }
    exception = std::move(e);
    unretrieved = !expected;
    finish(future_status::error);
}

bool future_state_base::cancel(const cancel_ref& why) {
    unretrieved = false;
    if (done()) return false;
    cancel_why = why;
    finish(future_status::cancelled);
    return true;
}

void future_state_base::check_value() {
    if (status == future_status::value) return;
    unretrieved = false;
    if (status == future_status::error) std::rethrow_exception(exception);
    if (status == future_status::cancelled) throw_cancelled(cancel_why);
    throw_invalid_state(
        "asyncio: the result is not set yet: co_await the future instead of asking, or ask done() "
        "first");
}

std::exception_ptr future_state_base::get_exception() {
    if (status == future_status::error || status == future_status::value) {
        unretrieved = false;
        return exception;
    }
    check_value();
    return nullptr;
}

std::exception_ptr future_state_base::error_or_cancel() {
    unretrieved = false;
    if (status == future_status::cancelled) return make_cancelled(cancel_why);
    return exception;
}

void future_wait::suspend(promise_base& p) {
    if (state_->loop != p.task->loop)
        throw_runtime_error(
            "asyncio: this future belongs to another event loop; await it there, or use "
            "run_coroutine_threadsafe");
    if (state_.get() == static_cast<future_state_base*>(p.task))
        throw_runtime_error("asyncio: a task cannot await itself");
    task_ = p.task;
    state_->add_waiter(*this);
    task_->wait_on(p, *this);
}

std::exception_ptr future_wait::to_throw() {
    if (!given_up_ && state_->status == future_status::error) meet_exception(*state_);
    return failure();
}

std::exception_ptr future_wait::failure() {
    if (const cancel_ref* why = take_cancel()) return make_cancelled(*why);
    std::exception_ptr e = state_->error_or_cancel();
    if (as_cancelled(e) != nullptr) cancel_delivered();  // a gather that was cancelled
    return e;
}

task_state_base* future_wait::awaited_task() const noexcept {
    return state_->is_task ? static_cast<task_state_base*>(state_.get()) : nullptr;
}

void future_wait::break_cycle() noexcept {
    given_up_ = true;
    done_node::unlink();
    task_->wake();
}

std::string future_wait::describe() const { return state_->describe(); }

const task_state_base* future_wait::owner() const noexcept {
    return state_->is_task ? static_cast<const task_state_base*>(state_.get()) : nullptr;
}

void done_callback_base::future_done(future_state_base& f) noexcept {
    if (!f.loop->closed) {
        done_future_ = ref<future_state_base>(&f);
        queue();
    }
    release();  // the future's reference
}

std::uint64_t next_callback_id() noexcept {
    static thread_local std::uint64_t last = 0;
    return ++last;
}

void add_callback(future_state_base& f, ref<done_callback_base> callback) {
    if (f.done()) loop_of(f).check_usable("add_done_callback");
    done_callback_base* c = callback.detach();  // the future's reference, until it is done
    if (f.done())
        c->future_done(f);
    else
        f.add_waiter(*c);
}

std::size_t remove_callback(future_state_base& f, std::uint64_t id) noexcept {
    done_node* const n = f.waiters().find(id);
    if (n == nullptr) return 0;
    n->unlink();
    n->future_dropped();
    return 1;
}

cancel_ref cancel_request(std::string_view message, std::source_location where) {
    const task_state_base* t = running_loop != nullptr ? running_loop->current_task : nullptr;
    const auto who = [t] { return t != nullptr ? t->name() : std::string(); };
    return cancel_ref::adopt(new cancel_record(message, cancel_kind::explicit_request, who, where));
}

void throw_empty_future() {
    throw_invalid_state(
        "asyncio: this future or task handle is empty: it was default-constructed or moved from");
}
void throw_forgotten_type() {
    throw_invalid_state(
        "asyncio: set_result through a future<> of another type: set it through the typed handle");
}
void throw_shared_move() {
    throw_invalid_state(
        "asyncio: this result cannot be copied and other handles share it: co_await the named "
        "future to get a "
        "reference, or drop the other handles");
}

// ---- tasks ----

// Not in the header: the compiler would take it for the likely one of those that override it.
bool wait_node::look() { return true; }

task_extras::~task_extras() = default;

task_extras& task_state_base::make_extras() {
    if (!extras) extras = std::make_unique<task_extras>();
    return *extras;
}

void task_state_base::set_name(std::string_view name) { make_extras().name = name; }

void task_state_base::share_context(const ref<context_cell>& cell) {
    make_extras().shared_context = cell;
}

void task_state_base::report_unretrieved_error() noexcept {
    unretrieved = false;
    report(*this, "Task exception was never retrieved", exception,
           [this] { return lines(created_line(*this), format_trace(*this, exception)); });
}

std::string task_state_base::describe() const { return "task '" + name() + "'"; }

std::string task_state_base::name() const {
    if (extras && !extras->name.empty()) return extras->name;
    char text[32] = "Task-";
    const auto end = std::to_chars(text + 5, text + sizeof text, number_);
    return {text, end.ptr};
}

/// Inside another task's step.
void task_state_base::run_first_step() {
    // LIFETIME: the task may end in this step; its loop outlives it.
    const nested_calls::level level(loop->eager_starts);
    run = usual_step();
    run_special_step();
}

void task_state_base::report_slow_step(std::chrono::nanoseconds took, const std::string& before) {
    std::string details = created_line(*this);
    if (!before.empty()) details = lines(std::move(details), "  the step began at:\n" + before);
    details = lines(std::move(details), "  the step ended at:\n" + format_frames(*this));
    loop_of(*this).report_slow("a step of the task", took, name(), std::move(details));
}

void task_state_base::report_pending() noexcept {
    report(*this, "Task was destroyed but it is pending!", nullptr,
           [this] { return lines(created_line(*this), format_stack(*this)); });
}

void task_state_base::drop() noexcept {
    destroy_frames();
    const auto self = ref<task_state_base>::adopt(this);
    task_link::unlink();
    finish(future_status::cancelled);
}

void task_state_base::destroy_frames() noexcept {
    if (root == nullptr) return;
    waiting_on = nullptr;  // it lies in a frame; a destructor may still cancel this task
    promise_base* p = root;
    while (p->child != nullptr) p = p->child;
    while (p != root) {
        promise_base* parent = p->parent;
        parent->child = nullptr;
        // LIFETIME: the frame is suspended; who awaits it is told, and leaves it alone.
        if (p->owner != nullptr) *p->owner = nullptr;
        p->handle().destroy();
        p = parent;
    }
    root = nullptr;
    p->handle().destroy();
}

bool task_state_base::cancel(const cancel_ref& why) {
    unretrieved = false;
    if (done()) return false;
    // A task that waits for a task hands the cancel on. A loop, because such chains are as long as
    // users make them, and they may bite their own tail.
    task_state_base* last = this;
    for (;;) {
        ++last->cancelling;
        ++last->cancel_requests;
        last->cancel_why = why;
        if (last->passing_cancel) return true;
        last->passing_cancel = true;
        wait_node* wait = last->waiting_on;
        task_state_base* awaited = wait != nullptr ? wait->awaited_task() : nullptr;
        if (awaited == nullptr) {
            if (wait != nullptr && wait->cancel_wait(*last, why))
                last->must_cancel = 0;
            else if (last->must_cancel < std::numeric_limits<std::uint8_t>::max())
                ++last->must_cancel;
            break;
        }
        if (awaited->passing_cancel) {
            wait->break_cycle();
            break;
        }
        last = awaited;
    }
    for (task_state_base* t = this; t != last; t = t->waiting_on->awaited_task())
        t->passing_cancel = false;
    last->passing_cancel = false;
    return true;
}

const wait_node* task_state_base::innermost_wait() const noexcept {
    constexpr int most_tasks = 64;  // they may wait in a circle
    const wait_node* wait = waiting_on;
    for (int i = 0; i < most_tasks && wait != nullptr; ++i) {
        const task_state_base* awaited = wait->awaited_task();
        if (awaited == nullptr || awaited->waiting_on == nullptr) break;
        wait = awaited->waiting_on;
    }
    return wait;
}

void task_state_base::deliver_pending_cancel() noexcept {
    if (waiting_on->cancel_wait(*this, cancel_why)) must_cancel = 0;
}

std::uint32_t task_state_base::uncancel() noexcept {
    if (cancelling > 0 && --cancelling == 0) must_cancel = 0;
    return cancelling;
}

}  // namespace asyncio::detail
