#include "asyncio/testing/trace.hpp"

#include <charconv>
#include <stdexcept>
#include <string>

#include "asyncio/base/config.hpp"

namespace asyncio::testing {

namespace {

constexpr std::string_view magic = "asyncio-trace";

std::string own_version() {
    return "1/" + std::to_string(ASYNCIO_VERSION_MAJOR) + "." +
           std::to_string(ASYNCIO_VERSION_MINOR) + "." + std::to_string(ASYNCIO_VERSION_PATCH);
}

constexpr scheduling all_strategies[] = {scheduling::fifo, scheduling::random, scheduling::pct,
                                         scheduling::timer_jitter, scheduling::any};

[[noreturn]] void refuse(const std::string& why) {
    throw std::invalid_argument("asyncio: this is not a trace of a simulation: " + why);
}

std::string_view next_word(std::string_view& text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

std::uint64_t number(std::string_view word) {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
    if (error != std::errc() || end != word.data() + word.size())
        refuse("'" + std::string(word) + "' is no number");
    return n;
}

}  // namespace

std::string_view to_string(scheduling s) noexcept {
    switch (s) {
        case scheduling::fifo:
            return "fifo";
        case scheduling::random:
            return "random";
        case scheduling::pct:
            return "pct";
        case scheduling::timer_jitter:
            return "timer_jitter";
        case scheduling::any:
            break;
    }
    return "any";
}

std::string trace::to_string() const {
    std::string text(magic);
    text += " " + own_version() + " " + std::to_string(seed_) + " ";
    text += testing::to_string(strategy_);
    for (const decision& d : decisions_)
        text += " " + std::to_string(d.at) + ":" + std::to_string(d.value);
    return text;
}

trace trace::parse(std::string_view text) {
    if (next_word(text) != magic) refuse("it does not begin with '" + std::string(magic) + "'");
    const std::string_view version = next_word(text);
    if (version != own_version())
        throw std::invalid_argument(
            "asyncio: this trace was written by version " + std::string(version) +
            " of the simulation, this is version " + own_version() +
            ": it would not replay; run the seed again to record a new one");
    trace t;
    t.seed_ = number(next_word(text));
    const std::string_view strategy = next_word(text);
    bool known = false;
    for (const scheduling s : all_strategies) {
        if (testing::to_string(s) != strategy) continue;
        t.strategy_ = s;
        known = true;
    }
    if (!known) refuse("there is no strategy '" + std::string(strategy) + "'");
    for (std::string_view word; !(word = next_word(text)).empty();) {
        const std::size_t colon = word.find(':');
        if (colon == std::string_view::npos) refuse("'" + std::string(word) + "' is no decision");
        t.decisions_.push_back({number(word.substr(0, colon)), number(word.substr(colon + 1))});
    }
    return t;
}

}  // namespace asyncio::testing
