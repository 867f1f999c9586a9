#include "testing/progress.hpp"

#include <cstdio>

#include "sys/command_line.hpp"

namespace asyncio::detail {

progress_bar::progress_bar(std::string_view what, std::uint64_t total) noexcept
    : what_(what),
      total_(total),
      wanted_(errors_go_to_terminal()),
      next_(std::chrono::steady_clock::now() + std::chrono::milliseconds(300)) {}

progress_bar::~progress_bar() {
    if (shown_) std::fputs("\r\033[K", stderr);
}

void progress_bar::show(std::uint64_t done) noexcept {
    if (!wanted_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    shown_ = true;
    constexpr unsigned width = 30;
    const auto filled = total_ == 0 ? 0 : static_cast<unsigned>(done * width / total_);
    char bar[width + 1];
    for (unsigned i = 0; i < width; ++i) bar[i] = i < filled ? '#' : '.';
    bar[width] = '\0';
    std::fprintf(stderr, "\r%.*s [%s] %llu/%llu ", static_cast<int>(what_.size()), what_.data(),
                 bar, static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total_));
    std::fflush(stderr);
}

}  // namespace asyncio::detail
