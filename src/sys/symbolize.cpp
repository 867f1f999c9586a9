#include "sys/symbolize.hpp"

#include <dlfcn.h>

#include <cstdint>

#include "base/demangle.hpp"

#if ASYNCIO_HAVE_BACKTRACE
// libbacktrace comes with every g++; its header lies where only g++ looks, so what is needed is
// declared here.
extern "C" {
struct backtrace_state;
using backtrace_error_callback = void (*)(void* data, const char* message, int number);
using backtrace_full_callback = int (*)(void* data, std::uintptr_t pc, const char* file, int line,
                                        const char* function);
backtrace_state* backtrace_create_state(const char* file, int threaded,
                                        backtrace_error_callback on_error, void* data);
int backtrace_pcinfo(backtrace_state* state, std::uintptr_t pc, backtrace_full_callback on_place,
                     backtrace_error_callback on_error, void* data);
using backtrace_symbol_callback = void (*)(void* data, std::uintptr_t pc, const char* symbol,
                                           std::uintptr_t value, std::uintptr_t size);
int backtrace_syminfo(backtrace_state* state, std::uintptr_t pc,
                      backtrace_symbol_callback on_symbol, backtrace_error_callback on_error,
                      void* data);
}
#endif

namespace asyncio::detail {

std::vector<source_place> symbolize(const void* pc) noexcept try {
    std::vector<source_place> places;
#if ASYNCIO_HAVE_BACKTRACE
    const auto address = reinterpret_cast<std::uintptr_t>(pc);
    const auto on_error = [](void*, const char*, int) {};
    static backtrace_state* const state = backtrace_create_state(nullptr, 1, on_error, nullptr);
    if (state != nullptr)
        backtrace_pcinfo(
            state, address,
            [](void* data, std::uintptr_t, const char* file, int line, const char* function) {
                auto& found = *static_cast<std::vector<source_place>*>(data);
                if (file != nullptr || function != nullptr)
                    found.push_back({function != nullptr ? demangle(function) : std::string(),
                                     file != nullptr ? std::string(file) : std::string(), line});
                return 0;
            },
            on_error, &places);
    if (places.empty()) places.emplace_back();
    // There may be no debug info, and clang's short one has no functions.
    if (state != nullptr && places.back().function.empty())
        backtrace_syminfo(
            state, address,
            [](void* data, std::uintptr_t, const char* symbol, std::uintptr_t, std::uintptr_t) {
                if (symbol != nullptr)
                    static_cast<source_place*>(data)->function = demangle(symbol);
            },
            on_error, &places.back());
    if (!places.back().function.empty() || !places.back().file.empty()) return places;
    places.pop_back();
#endif
    Dl_info info{};
    if (::dladdr(pc, &info) != 0 && info.dli_sname != nullptr)
        places.push_back({demangle(info.dli_sname), {}, 0});
    return places;
} catch (...) {
    return {};
}

}  // namespace asyncio::detail
