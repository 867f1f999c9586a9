#include "asyncio/compose/with.hpp"

namespace asyncio::detail {

void throw_no_value(const std::exception_ptr& handled) {
    // A cancel that was dealt with must not look like one that goes on.
    if (as_cancelled(handled) == nullptr) std::rethrow_exception(handled);
    throw invalid_state_error(
        "asyncio: with: the body was cancelled by its own context (task_group::cancel()), so it "
        "has "
        "no value to give; let such a body return nothing and keep its result outside");
}

}  // namespace asyncio::detail
