#include "sys/command_line.hpp"

#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace asyncio::detail {

namespace {

bool is_plain(std::string_view word) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,+@%";
    return !word.empty() && word.find_first_not_of(plain) == std::string_view::npos;
}

std::string quoted(std::string_view word) {
    if (is_plain(word)) return std::string(word);
    std::string text = "'";
    for (const char c : word) {
        if (c == '\'')
            text += "'\\''";
        else
            text += c;
    }
    return text + "'";
}

}  // namespace

std::string command_line() {
    std::FILE* file = std::fopen("/proc/self/cmdline", "rb");
    if (file == nullptr) return {};
    std::string all;
    char piece[4096];
    for (std::size_t n = 0; (n = std::fread(piece, 1, sizeof piece, file)) > 0;)
        all.append(piece, n);
    std::fclose(file);
    std::string text;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find('\0', at);
        const std::size_t stop = end == std::string::npos ? all.size() : end;
        if (!text.empty()) text += ' ';
        text += quoted(std::string_view(all).substr(at, stop - at));
        at = stop + 1;
    }
    return text;
}

bool errors_go_to_terminal() noexcept { return ::isatty(STDERR_FILENO) != 0; }

}  // namespace asyncio::detail
