#define ASYNCIO_TESTING_INTERPOSE 0  // the library itself replaces nothing
#include "testing/call_stack.hpp"

#include <unwind.h>

#include "sys/symbolize.hpp"

namespace asyncio::detail {

std::vector<const void*> current_calls() {
    std::vector<const void*> calls;
    calls.reserve(40);
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void* out) {
            auto& all = *static_cast<std::vector<const void*>*>(out);
            if (all.size() == all.capacity()) return _URC_END_OF_STACK;
            // The instruction before the one that the call returns to.
            all.push_back(reinterpret_cast<const char*>(_Unwind_GetIP(context)) - 1);
            return _URC_NO_REASON;
        },
        &calls);
    return calls;
}

namespace {

bool is_own(const source_place& at) {
    return at.file.find("/testing/interpose.hpp") != std::string::npos ||
           at.file.ends_with("testing/allocations.cpp") ||
           at.file.ends_with("testing/call_stack.cpp") ||
           at.file.ends_with("testing/sim_world.cpp") ||
           at.function.find("asyncio::detail::sim_") != std::string::npos ||
           at.function.find("asyncio::detail::current_calls") != std::string::npos ||
           at.function.find("asyncio::detail::allocation_tracker") != std::string::npos;
}

}  // namespace

std::string calls_text(const std::vector<const void*>& calls, int most) {
    std::string text;
    int shown = 0;
    for (const void* pc : calls) {
        for (const source_place& at : symbolize(pc)) {
            if (is_own(at)) continue;
            if (++shown > most) return text;
            text += "      " + (at.function.empty() ? std::string("?") : at.function);
            if (!at.file.empty()) text += " at " + at.file + ":" + std::to_string(at.line);
            text += "\n";
        }
    }
    return text;
}

}  // namespace asyncio::detail
