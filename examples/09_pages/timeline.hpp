// Who waited when: a bar for each task, over one axis of time.
#pragma once

#include <algorithm>
#include <asyncio/asyncio.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

class timeline {
   public:
    enum class ending { done, timed_out, cancelled };

    /// Begins a bar now; gives its number.
    std::size_t begin(std::string name) {
        bars_.push_back({std::move(name), now(), now(), ending::done});
        return bars_.size() - 1;
    }
    /// Ends it now.
    void end(std::size_t number, ending how) {
        bars_[number].to = now();
        bars_[number].how = how;
    }

    void print() const {
        double last = 0;
        double waited = 0;
        for (const bar& b : bars_) {
            last = std::max(last, b.to);
            waited += b.to - b.from;
        }
        const double step = step_for(last);
        const int steps = static_cast<int>(std::ceil(last / step));

        std::printf("\n            ");
        for (int i = 0; i <= steps; ++i) std::printf("%-*.1f", columns_per_step, i * step);
        std::printf("seconds\n            ├");
        for (int i = 1; i <= steps; ++i) std::printf("─────────%s", i < steps ? "┼" : "┤");
        std::puts("");
        for (const bar& b : bars_) {
            const std::string blocks = drawing(b, columns_per_step / step, steps);
            std::printf("  %-10s%s %.2f s%s\n", b.name.c_str(), blocks.c_str(), b.to - b.from,
                        remark(b.how));
        }
        std::printf("\n  the waits together  %.2f s\n  by the clock        %.2f s\n", waited, last);
        std::printf("  One thread, on average %.1f waits at a time.\n", waited / last);
    }

   private:
    struct bar {
        std::string name;
        double from;
        double to;
        ending how;
    };
    static constexpr int columns_per_step = 10;

    [[nodiscard]] double now() const {
        return std::chrono::duration<double>(asyncio::clock::now() - start_).count();
    }
    /// The time between two marks of the axis, so that there are few of them.
    static double step_for(double last) {
        double step = 0.1;
        while (last / step > 6) step *= 2;
        return step;
    }
    /// As wide as the axis. A bar ends with a block of one to eight eighths.
    static std::string drawing(const bar& b, double columns_per_second, int steps) {
        static constexpr const char* eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
        const auto first = std::lround(b.from * columns_per_second);
        const auto length = std::max(1L, std::lround(b.to * columns_per_second * 8) - first * 8);
        std::string text(static_cast<std::size_t>(first), ' ');
        auto column = first;
        for (auto left = length; left > 0; left -= 8, ++column) {
            if (b.how == ending::done) {
                text += left >= 8 ? "█" : eighth[left];
            } else {
                text += "░";
            }
        }
        const auto width = long{columns_per_step} * steps + 1;
        text.append(static_cast<std::size_t>(std::max(0L, width - column)), ' ');
        return text;
    }
    static const char* remark(ending how) {
        switch (how) {
            case ending::timed_out:
                return ", timed out";
            case ending::cancelled:
                return ", cancelled";
            case ending::done:
                break;
        }
        return "";
    }

    asyncio::time_point start_ = asyncio::clock::now();
    std::vector<bar> bars_;
};
