// Who computed when, and when the loop came round: bars and ticks over one axis of time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "heavy_work.hpp"

class picture {
   public:
    explicit picture(double start) : start_(start) {}

    void work(const piece_of_work& p) {
        bars_.push_back({p.from - start_, p.to - start_});
        primes_ += p.primes;
    }
    void tick() { ticks_.push_back(now() - start_); }

    /// The longest time in which the loop did nothing else.
    [[nodiscard]] double silence() const {
        double longest = 0;
        double before = 0;
        for (const double t : ticks_) {
            longest = std::max(longest, t - before);
            before = t;
        }
        return longest;
    }
    [[nodiscard]] double end() const {
        double last = ticks_.empty() ? 0 : ticks_.back();
        for (const bar& b : bars_) last = std::max(last, b.to);
        return last;
    }

    /// `whole`: how many seconds the width stands for, so that pictures can be compared.
    void print(const char* title, double whole) const {
        std::printf("\n  %s: %d primes in %.2f s\n", title, primes_, end());
        for (std::size_t i = 0; i < bars_.size(); ++i) {
            std::string row;
            for (int c = 0; c < width; ++c) {
                const double middle = (c + 0.5) * whole / width;
                row += middle >= bars_[i].from && middle < bars_[i].to ? "█" : " ";
            }
            std::printf("    work %zu  %s\n", i + 1, row.c_str());
        }
        std::vector<bool> there(width);
        for (const double t : ticks_)
            there[static_cast<std::size_t>(std::clamp(t / whole * width, 0.0, width - 1.0))] = true;
        std::string row;
        for (const bool tick : there) row += tick ? "┃" : "·";
        std::printf("    ticker  %s  longest silence %.0f ms\n", row.c_str(), silence() * 1e3);
    }

   private:
    struct bar {
        double from;
        double to;
    };
    static constexpr int width = 60;
    double start_;
    int primes_ = 0;
    std::vector<bar> bars_;
    std::vector<double> ticks_;
};
