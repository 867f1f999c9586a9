#include "asyncio/compose/shield.hpp"

namespace asyncio::detail {

void shield_link::listen() noexcept {
    if (inner_->done())
        future_done(*inner_);
    else
        inner_->add_waiter(*this);
}

void shield_link::future_done(future_state_base& f) noexcept {
    // The only reference that the shield holds, so that a value which nobody else wants is moved.
    ref<future_state_base> inner = std::move(inner_);
    const kept_alive keep(outer_);
    f.mark_retrieved();
    switch (f.status) {
        case future_status::cancelled:
            outer_.future_state_base::cancel(f.cancel_why);
            return;
        case future_status::error:
            outer_.set_exception(f.exception);
            return;
        default:
            break;
    }
    try {
        copy_value_(outer_, f);
    } catch (...) {
        outer_.set_exception(std::current_exception());
        return;
    }
    if (refers_) inner_ = std::move(inner);
    outer_.finish(future_status::value);
}

std::string shield_link::describe() const {
    return inner_ ? "shield() of " + inner_->describe_as_part() : "shield()";
}

}  // namespace asyncio::detail
