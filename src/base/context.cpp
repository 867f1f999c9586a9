#include "asyncio/base/context.hpp"

#include <memory>
#include <utility>

namespace asyncio::detail {

ASYNCIO_THREAD_LOCAL context_map** context_of_turn = nullptr;
ASYNCIO_THREAD_LOCAL context_map* context_of_thread = nullptr;

context_map::~context_map() {
    for (const entry& e : entries) e.value->release();
}

context_value* context_find(const void* variable) noexcept {
    const context_map* current = current_context();
    if (current == nullptr) return nullptr;
    for (const context_map::entry& e : current->entries)
        if (e.variable == variable) return e.value;
    return nullptr;
}

void context_replace(const void* variable, context_value* value) {
    struct releaser {
        void operator()(context_value* v) const noexcept { v->release(); }
        void operator()(context_map* m) const noexcept { m->release(); }
    };
    std::unique_ptr<context_value, releaser> owned(value);
    std::unique_ptr<context_map, releaser> next(new context_map);
    context_map*& current = current_context();
    if (current != nullptr) {
        next->entries.reserve(current->entries.size() + 1);
        for (const context_map::entry& e : current->entries) {
            if (e.variable == variable) continue;
            e.value->add_ref();
            next->entries.push_back(e);
        }
    }
    if (value != nullptr) {
        next->entries.push_back({variable, value});
        (void)owned.release();
    }
    context_map* old = std::exchange(current, next->entries.empty() ? nullptr : next.release());
    if (old != nullptr) old->release();
}

}  // namespace asyncio::detail
