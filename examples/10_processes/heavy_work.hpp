// Work that keeps a core busy, and when it was done: a clock that all processes share.
#pragma once

#include <chrono>

inline double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// What comes back from another process says how to travel: it lists its members.
struct piece_of_work {
    int primes = 0;
    double from = 0;
    double to = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(primes, from, to);
    }
};

inline piece_of_work count_primes(int first, int last) {
    piece_of_work done{.primes = 0, .from = now(), .to = 0};
    for (int n = first; n < last; ++n) {
        bool prime = n > 1;
        for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
        if (prime) ++done.primes;
    }
    done.to = now();
    return done;
}
