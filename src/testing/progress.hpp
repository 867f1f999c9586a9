// A progress bar on standard error, if that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace asyncio::detail {

class progress_bar {
   public:
    /// Says nothing unless standard error is a terminal.
    progress_bar(std::string_view what, std::uint64_t total) noexcept;
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;
    /// Wipes the bar away.
    ~progress_bar();
    void show(std::uint64_t done) noexcept;

   private:
    std::string_view what_;
    std::uint64_t total_;
    bool wanted_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point next_;
};

}  // namespace asyncio::detail
