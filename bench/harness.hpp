// How a benchmark measures and prints: median, min and max of several runs, one tab-separated line
// per workload.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline std::string_view only;  // the workload that was asked for; empty: all

inline const char* peer = "asyncio_cpp";  // whose figures these are

inline void start(int argc, char** argv, const char* name = peer) {
    peer = name;
    if (argc > 1) only = argv[1];
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
}

/// "W1" asks for W1 and its variants, not for W10.
inline bool wanted(std::string_view workload) {
    if (only.empty() || only == "all") return true;
    if (!workload.starts_with(only)) return false;
    return workload.size() == only.size() ||
           std::isdigit(static_cast<unsigned char>(workload[only.size()])) == 0;
}

inline double now_ns() {
    return static_cast<double>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// What the whole process has used, all threads, user and system.
inline double cpu_ns() {
    rusage r{};
    getrusage(RUSAGE_SELF, &r);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
    };
    return of(r.ru_utime) + of(r.ru_stime);
}

inline double resident_bytes() {
    long total = 0;
    long resident = 0;
    if (FILE* f = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(f, "%ld %ld", &total, &resident) != 2) resident = 0;
        std::fclose(f);
    }
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

inline void report(const char* workload, std::vector<double> samples, const char* unit = "ns") {
    std::sort(samples.begin(), samples.end());
    const double median = samples[samples.size() / 2];
    const double spread = median > 0 ? 100.0 * (samples.back() - samples.front()) / median : 0.0;
    std::printf("RESULT\t%s\t%s\t%.2f\t%s\tmin=%.2f\tmax=%.2f\tspread=%.0f%%\n", peer, workload,
                median, unit, samples.front(), samples.back(), spread);
}

inline int runs() {
    const char* asked = std::getenv("BENCH_RUNS");
    return asked != nullptr ? std::max(1, std::atoi(asked)) : 7;
}

/// f() does `operations` at once; a first, unmeasured call warms up.
template <class F>
void run(const char* workload, double operations, F f) {
    if (!wanted(workload)) return;
    f();
    std::vector<double> samples;
    for (int i = 0; i < runs(); ++i) {
        const double start = now_ns();
        f();
        samples.push_back((now_ns() - start) / operations);
    }
    report(workload, samples);
}

/// Repeats a measurement that gives its own figure.
template <class F>
std::vector<double> repeated(F f) {
    std::vector<double> samples;
    for (int i = 0; i < runs(); ++i) samples.push_back(f());
    return samples;
}

/// The compiler must not find out that a result is unused.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(value) : "memory");
}

/// The same delays for everybody, 1 to 500 ms.
class delays {
   public:
    std::chrono::milliseconds next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return std::chrono::milliseconds(1 + (state_ >> 32) % 500);
    }

   private:
    std::uint64_t state_ = 88172645463325252u;
};

}  // namespace bench
