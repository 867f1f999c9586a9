// What the tests send to other processes, and how they see them.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace sent {

inline int add(int a, int b) { return a + b; }
inline std::string greet(const std::string& name) { return "hello " + name; }
inline std::uint64_t sum(const std::vector<std::uint64_t>& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}
inline std::vector<double> doubled(std::vector<double> numbers) {
    for (double& x : numbers) x *= 2;
    return numbers;
}
inline std::vector<char> bytes(std::size_t n) { return std::vector<char>(n, 'x'); }
inline int die_by(int signal_number) {
    std::raise(signal_number);
    return 0;
}
inline int leave(int code) { std::_Exit(code); }
/// Never ends by itself.
inline void spin() {
    volatile bool forever = true;
    while (forever) {
    }
}
/// Uses so much CPU, more or less.
inline unsigned work(unsigned rounds) {
    unsigned x = 1;
    for (unsigned i = 0; i < rounds; ++i) x = x * 1664525u + 1013904223u;
    return x;
}
inline int throw_out_of_range(const std::string& what) { throw std::out_of_range(what); }

struct point {
    double x = 0;
    double y = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(x, y);
    }
    bool operator==(const point&) const = default;
};
inline point mirrored(point p) { return {p.y, p.x}; }

/// A callable that has something to say.
struct scale {
    double factor = 1;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(factor);
    }
    double operator()(double x) const { return factor * x; }
};

}  // namespace sent
