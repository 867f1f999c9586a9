#include "base/demangle.hpp"

#include <cxxabi.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace asyncio::detail {

std::string demangle(const char* name) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> text(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    return status == 0 ? without_frame(text.get()) : name;
}

std::string without_frame(std::string_view name) {
    constexpr std::string_view frame = ".Frame*)";
    constexpr std::string_view clone = " [clone .actor]";
    const std::size_t frame_at = name.find(frame);
    if (frame_at == name.npos) return std::string(name);
    if (name.ends_with(clone)) name.remove_suffix(clone.size());
    for (std::size_t outer = name.find('('); outer != name.npos;
         outer = name.find('(', outer + 1)) {
        const std::size_t inner = name.find('(', outer + 1);
        if (inner == name.npos) break;
        if (!name.substr(0, outer).ends_with(name.substr(outer + 1, inner - outer - 1))) continue;
        const std::string_view arguments = name.substr(inner, name.find("::_Z", inner) - inner);
        return std::string(name.substr(0, outer))
            .append(arguments)
            .append(name.substr(frame_at + frame.size()));
    }
    return std::string(name);
}

}  // namespace asyncio::detail
