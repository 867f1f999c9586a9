// Was there an order in which a single register could have done all this? (Wing and Gong's search.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// One operation on the register, as its client saw it. Moments are nanoseconds.
struct operation {
    enum class kind : unsigned char { read, write };
    kind what;
    int value;
    long long begun;
    long long ended;  ///< `open_end` if its client never heard of it: it may happen at any time
};

inline constexpr long long open_end = std::numeric_limits<long long>::max();

/// True if every operation can have happened at one moment between its begin and its end. A read
/// without an answer has seen nothing, so leave it out. At most 64 operations.
inline bool is_linearizable(const std::vector<operation>& history, int initial) {
    using mask = unsigned long long;
    mask must_happen = 0;
    for (std::size_t i = 0; i < history.size(); ++i)
        if (history[i].ended != open_end) must_happen |= mask(1) << i;
    // What has happened, and the value then.
    std::vector<std::pair<mask, int>> to_try{{0, initial}};
    std::set<std::pair<mask, int>> tried;
    while (!to_try.empty()) {
        const auto [happened, value] = to_try.back();
        to_try.pop_back();
        if ((happened & must_happen) == must_happen) return true;
        if (!tried.insert({happened, value}).second) continue;
        long long first_end = open_end;
        for (std::size_t i = 0; i < history.size(); ++i)
            if ((happened >> i & 1) == 0) first_end = std::min(first_end, history[i].ended);
        for (std::size_t i = 0; i < history.size(); ++i) {
            const operation& o = history[i];
            // Whatever began after another one had ended comes after it.
            if ((happened >> i & 1) != 0 || o.begun > first_end) continue;
            if (o.what == operation::kind::write)
                to_try.push_back({happened | mask(1) << i, o.value});
            else if (o.value == value)
                to_try.push_back({happened | mask(1) << i, value});
        }
    }
    return false;
}

/// "  read 3 from 1.204 to 1.377 s", a line each.
inline std::string history_text(const std::vector<operation>& history) {
    const auto seconds = [](long long t) {
        return t == open_end ? std::string("?") : std::to_string(static_cast<double>(t) / 1e9);
    };
    std::string text;
    for (const operation& o : history)
        text += std::string(o.what == operation::kind::read ? "\n  read " : "\n  write ") +
                std::to_string(o.value) + " from " + seconds(o.begun) + " to " + seconds(o.ended);
    return text;
}
