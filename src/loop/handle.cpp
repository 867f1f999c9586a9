#include "asyncio/loop/handle.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "asyncio/base/exceptions.hpp"
#include "asyncio/loop/event_loop.hpp"
#include "base/demangle.hpp"
#include "sys/symbolize.hpp"

namespace asyncio::detail {

namespace {

/// The type in "... [with F = type]".
std::string type_in(std::string_view text) {
    text.remove_prefix(text.find("F = ") + 4);
    text.remove_suffix(1);
    return without_frame(text);
}

}  // namespace

void handle_state::cancel() noexcept {
    cancelled_.store(true, std::memory_order_relaxed);
    if (!armed()) return;
    loop_.timers.disarm(*this);
    release();  // the timer queue's reference
}

void handle_state::queue() noexcept {
    if (queued_) return;
    queued_ = true;
    add_ref();  // the ready queue's reference
    loop_.schedule(*this);
}

void handle_state::queue_first() noexcept {
    queued_ = true;
    add_first_ref();  // the ready queue's reference
    loop_.schedule(*this);
}

void handle_state::fire(timer_node& n, timer_event e) noexcept {
    auto& self = static_cast<handle_state&>(n);
    if (e == timer_event::due)
        self.loop_.schedule(self);  // the timer queue's reference goes on
    else
        self.release();
}

void handle_state::run_handle(ready_node& n) {
    const auto self = ref<handle_state>::adopt(static_cast<handle_state*>(&n));
    self->queued_ = false;
    if (!self->cancelled()) self->run_protected();
}

void handle_state::run_protected() {
    const context_scope scope(context_);
    const bool timed = loop_.debug;
    const time_point start = timed ? loop_.now() - loop_.reporting : time_point();
    std::exception_ptr error;
    try {
        invoke();
    } catch (...) {
        error = std::current_exception();
        if (is_fatal(error)) throw;
    }
    const auto took = timed ? loop_.now() - loop_.reporting - start : time_point::duration();
    if (error) report(error);
    if (timed && took >= loop_.slow_callback)
        static_cast<event_loop&>(loop_).report_slow(what_, took, {}, describe());
}

void handle_state::report(const std::exception_ptr& e) {
    exception_context told{.message = {}, .exception = e, .task_name = {}, .details = {}};
    try {
        told.message = std::string("Exception in ") + what_;
        told.details = describe();
    } catch (const std::bad_alloc&) {
        told.message = "Exception";  // small enough to need no memory
    }
    static_cast<event_loop&>(loop_).call_exception_handler(told);
}

/// "  callback: on_tick(int), server.cpp:12", "  callback: serve()::<lambda()>".
std::string handle_state::describe() const {
    const callable_name callable = name();
    std::string text = "  callback: ";
    if (callable.with_type != nullptr) return text + type_in(callable.with_type);
    if (callable.code == nullptr) return {};
    const std::vector<source_place> places = symbolize(callable.code);
    if (places.empty()) return text + "a function without a symbol";
    const source_place& place = places.back();
    text += place.function;
    if (!place.file.empty()) text += ", " + place.file + ":" + std::to_string(place.line);
    return text;
}

}  // namespace asyncio::detail
