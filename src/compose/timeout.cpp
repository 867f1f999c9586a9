#include "asyncio/compose/timeout.hpp"

#include <stdexcept>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "base/place.hpp"

namespace asyncio {

namespace detail {

void timeout_core::set_deadline(time_point when, time_point now) {
    loop_core& loop = *own_.task().loop;
    disarm(loop);
    if (when <= now)
        arm_expired(loop);
    else
        arm(loop, when);
}

void timeout_core::expired() noexcept {
    cancel_ref why;
    try {
        why = make_cancel({}, cancel_kind::deadline, {}, where);
        if (const wait_node* wait = own_.task().innermost_wait())
            why->ended_wait = wait->describe();
    } catch (...) {
        // Out of memory: it happens without a reason, or without the whole of it.
    }
    own_.request(std::move(why));
}

std::exception_ptr timeout_core::leave(std::exception_ptr error) {
    disarm_if_armed();
    if (!has_expired()) return error;
    own_.take_back();
    if (as_cancelled(error) == nullptr) return error;
    if (own_.others_too()) return own_.of_the_others(std::move(error));
    return timed_out(own_.why() ? own_.why()->ended_wait : std::string());
}

std::exception_ptr timeout_core::in_vain() {
    if (own_.task().must_cancel) return make_cancelled(*own_.task().take_cancel());
    return timed_out("no time to begin");
}

/// "asyncio: timed out: reading from 127.0.0.1:80, limited at client.cpp:42"
std::exception_ptr timeout_core::timed_out(const std::string& details) const noexcept {
    try {
        std::string text = "asyncio: timed out";
        if (!details.empty()) text.append(": ").append(details);
        text.append(", limited at ").append(place_text(where));
        return std::make_exception_ptr(timeout_error(text));
    } catch (...) {
        return std::make_exception_ptr(timeout_error());
    }
}

}  // namespace detail

timeout::timeout(delay after, std::source_location where) : after_(after) { core_.where = where; }

timeout::timeout(timeout&& o) : after_(o.after_), when_(o.when_) {
    if (o.state_ != state::created)
        throw std::runtime_error(
            "asyncio: a timeout cannot be moved once its block was entered; keep it where it is");
    core_.where = o.core_.where;
}

timeout timeout_at(std::optional<time_point> when, std::source_location where) {
    timeout t(delay::forever(), where);
    t.when_ = when;
    return t;
}

void timeout::enter() {
    if (state_ != state::created)
        throw std::runtime_error("asyncio: a timeout is used once; make a new one for each block");
    event_loop& loop = detail::loop_for("timeout");
    if (loop.current_task == nullptr)
        throw std::runtime_error(
            "asyncio: timeout must be used inside a task, not in a plain callback");
    core_.enter(*loop.current_task);
    const time_point now = loop.time();
    if (!when_ && !after_.is_forever()) when_ = after_.after(now);
    if (when_) core_.set_deadline(*when_, now);
    state_ = state::entered;
}

void timeout::reschedule(std::optional<time_point> when) {
    if (state_ == state::created)
        throw std::runtime_error(
            "asyncio: timeout: reschedule() works inside the block only; it was not entered yet");
    if (state_ == state::left)
        throw std::runtime_error(
            "asyncio: timeout: reschedule() works inside the block only; it is over");
    if (expired())
        throw std::runtime_error("asyncio: timeout: too late to reschedule, it is expiring");
    if (when)
        core_.set_deadline(*when, core_.loop().now());
    else
        core_.disarm_if_armed();
    when_ = when;
}

void timeout::exit(const std::exception_ptr& error) {
    if (state_ != state::entered)
        throw std::runtime_error("asyncio: timeout: exit() without enter(); use asyncio::with");
    state_ = state::left;
    if (std::exception_ptr e = core_.leave(error); e != error) std::rethrow_exception(std::move(e));
}

}  // namespace asyncio
