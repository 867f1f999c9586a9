#include "asyncio/compose/shield.hpp"

namespace asyncio::detail {

void shield_link::future_done(future_state_base& f) noexcept {
    const ref<future_state_base> keep_inner = std::move(inner);
    const ref<future_state_base> keep_outer(&outer_);
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
        inner = {};
        copy_value(outer_, f);
        outer_.finish(future_status::value);
    } catch (...) {
        outer_.set_exception(std::current_exception());
    }
}

}  // namespace asyncio::detail
