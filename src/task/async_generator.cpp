#include "asyncio/task/async_generator.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "task/function_name.hpp"

namespace asyncio::detail {

namespace {

// A generator's frame holds the generators that it consumes, so that destroying one that stands at
// a co_yield destroys those inside it, on the native stack. This bounds it: from a depth on, what
// is inside waits until the frame around it is gone.
constexpr unsigned deepest = 256;
ASYNCIO_THREAD_LOCAL unsigned nesting = 0;
ASYNCIO_THREAD_LOCAL generator_promise_base* put_off = nullptr;  // linked by parent

void destroy_one(promise_base& p) noexcept {
    ++nesting;
    // LIFETIME: the frame is suspended and nobody awaits it; its promise tells its state, if it has
    // one.
    p.handle().destroy();
    --nesting;
}

/// The generators of a loop that have started and not ended, oldest first.
struct open_generators final : event_loop::slot {
    intrusive_list<generator_state> list;
};

void remember(generator_state& s, loop_core& l) {
    auto& slot = static_cast<event_loop&>(l).slots[event_loop::generator_slot];
    if (!slot) slot = std::make_unique<open_generators>();
    static_cast<open_generators&>(*slot).list.push_back(s);
}

coroutine<> close_open(ref<generator_state> s) { co_await generator_close(std::move(s)); }

}  // namespace

void generator_state::destroy_frame() noexcept {
    if (frame == nullptr) return;
    if (nesting >= deepest) {
        generator_promise_base& p = *frame;
        frame_is_gone();
        p.orphan();
        p.parent = std::exchange(put_off, &p);
        return;
    }
    destroy_one(*frame);
    while (nesting + 1 == deepest && put_off != nullptr) {
        generator_promise_base& p = *put_off;
        put_off = static_cast<generator_promise_base*>(p.parent);
        destroy_one(p);
    }
}

bool generator_step::await_ready() {
    if (!state_) throw_invalid_state("asyncio: this async_generator was moved from");
    if (what_ == kind::rethrow && !thrown_)
        throw_invalid_argument("asyncio: athrow: the exception is null");
    generator_state& s = *state_;
    if (s.frame == nullptr) return true;
    if (s.running)
        throw_runtime_error(
            "asyncio: this async_generator is running already: one await of its next(), athrow() "
            "or aclose() at a time");
    if (what_ == kind::next || s.frame->started) return false;
    s.destroy_frame();
    if (what_ == kind::rethrow) std::rethrow_exception(thrown_);
    return true;
}

bool generator_step::start(promise_base& parent) {
    generator_state& s = *state_;
    promise_base& frame = *s.frame;
    if (!frame.started) remember(s, *parent.task->loop);
    s.thrown =
        what_ == kind::close ? std::make_exception_ptr(generator_exit()) : std::move(thrown_);
    s.running = true;
    s.at_yield = false;
    parent_ = &parent;
    return start_child(parent, frame, frame.handle(), nullptr) && !s.at_yield;
}

bool generator_step::finish() {
    if (parent_ == nullptr) return false;
    generator_state& s = *state_;
    std::exchange(parent_, nullptr)->child = nullptr;
    s.running = false;
    if (s.at_yield) return true;
    const std::exception_ptr error = std::move(s.frame->exception);
    s.destroy_frame();
    if (error) std::rethrow_exception(error);
    return false;
}

void generator_close::await_resume() {
    bool yielded = false;
    try {
        yielded = finish();
    } catch (const generator_exit&) {
        return;
    }
    if (!yielded) return;
    state().destroy_frame();
    throw_runtime_error(
        "asyncio: the async_generator ignored generator_exit: it must not co_yield while it is "
        "being closed");
}

}  // namespace asyncio::detail

namespace asyncio {

coroutine<> event_loop::shutdown_asyncgens() {
    if (!slots[generator_slot]) co_return;
    auto& open = static_cast<detail::open_generators&>(*slots[generator_slot]).list;
    std::vector<std::string> names;
    std::vector<task<>> closing;
    while (!open.empty()) {
        const detail::ref<detail::generator_state> s(&open.pop_front());
        names.push_back(detail::readable_name(s->frame->function));
        closing.push_back(detail::make_task(*this, detail::close_open(s), {}));
    }
    for (std::size_t i = 0; i < closing.size(); ++i) {
        std::exception_ptr error;
        try {
            co_await closing[i];
        } catch (const cancelled_error&) {
            if (asyncio::current_task().cancelling() > 0) throw;
        } catch (...) {
            error = std::current_exception();
        }
        if (!error) continue;
        call_exception_handler({.message = "an error occurred while the async generator '" +
                                           names[i] + "' was being closed",
                                .exception = error,
                                .task_name = {},
                                .details = {}});
    }
}

}  // namespace asyncio
