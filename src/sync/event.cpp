#include "asyncio/sync/event.hpp"

namespace asyncio {

namespace detail {

std::string event_wait::describe() const { return event_.describe(); }

}  // namespace detail

void event::wake_all() {
    line_.check_thread("event.set");
    line_.release_all();
}

}  // namespace asyncio
