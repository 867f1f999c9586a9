#include "asyncio/streams/stream_reader.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace asyncio {

namespace detail {

bool read_call::consume(std::string_view have, bool ended, std::size_t& used) {
    switch (goal_) {
        case goal::some:
            if (have.empty() && !ended && wanted_ != 0) return false;
            used = std::min(wanted_, have.size());
            break;
        case goal::everything:
            if (!ended) return false;
            used = have.size();
            break;
        case goal::exactly:
            if (have.size() < wanted_ && !ended) return false;
            used = std::min(wanted_, have.size());
            if (used < wanted_) {
                fail(std::make_exception_ptr(incomplete_read_error(std::string(have), wanted_)));
                return true;
            }
            break;
    }
    result_.assign(have.substr(0, used));
    return true;
}

bool read_into_call::consume(std::string_view have, bool ended, std::size_t& used) {
    count_ = 0;
    if (have.empty()) return ended || into_.empty();
    used = count_ = std::min(into_.size(), have.size());
    std::memcpy(into_.data(), have.data(), used);
    return true;
}

read_until_base::read_until_base(ref<stream_state> s, on_failure f)
    : read_operation(std::move(s)), failure_(f) {
    limit_ = stream().limit();
}

void read_until_base::check_separators(std::span<const std::string> separators) {
    for (const std::string& s : separators)
        if (s.empty()) throw std::invalid_argument("asyncio: readuntil: a separator is empty");
}

bool read_until_base::search(std::span<const std::string> separators, std::string_view have,
                             bool ended, std::size_t& used) {
    const std::size_t from = std::exchange(searched_, 0);
    std::size_t begin = std::string_view::npos;
    std::size_t end = std::string_view::npos;
    std::size_t longest = 0;
    for (const std::string& s : separators) {
        longest = std::max(longest, s.size());
        const std::size_t at = have.find(s, from);
        if (at == std::string_view::npos || at + s.size() >= end) continue;
        begin = at;
        end = at + s.size();
    }
    if (end != std::string_view::npos) {
        if (begin > limit_)
            return overrun(separators[0], have, begin, "the separator was found beyond", used);
        result_.assign(have.substr(0, end));
        used = end;
        return true;
    }
    const std::size_t searched = have.size() >= longest ? have.size() + 1 - longest : 0;
    if (searched > limit_)
        return overrun(separators[0], have, searched, "no separator was found within", used);
    if (!ended) {
        searched_ = searched;
        return false;
    }
    if (failure_ == on_failure::drop_line)
        result_.assign(have);
    else
        fail(std::make_exception_ptr(incomplete_read_error(std::string(have), 0)));
    used = have.size();
    return true;
}

bool read_until_base::overrun(std::string_view separator, std::string_view have,
                              std::size_t consumed, const char* why, std::size_t& used) {
    const std::string limit = " the limit of " + std::to_string(limit_) + " bytes";
    if (failure_ == on_failure::keep) {
        fail(std::make_exception_ptr(limit_overrun_error(
            std::string("asyncio: readuntil: ") + why + limit +
                "; nothing was taken: read it in pieces, or open the stream with a larger limit",
            consumed)));
        return true;
    }
    fail(std::make_exception_ptr(std::length_error(
        "asyncio: readline: the line is longer than" + limit +
        " and was dropped; open the stream with a larger limit, or use readuntil")));
    used = have.substr(consumed).starts_with(separator) ? consumed + separator.size() : have.size();
    return true;
}

bool read_line_call::consume(std::string_view have, bool ended, std::size_t& used) {
    static const std::string newline = "\n";
    return search({&newline, 1}, have, ended, used);
}

}  // namespace detail

stream_reader::stream_reader(std::size_t limit)
    : state_(new detail::stream_state(nullptr, limit)) {}

detail::read_call stream_reader::read(std::ptrdiff_t n) const {
    using goal = detail::read_call::goal;
    return n < 0 ? detail::read_call(checked(), goal::everything, 0)
                 : detail::read_call(checked(), goal::some, static_cast<std::size_t>(n));
}

detail::read_call stream_reader::readexactly(std::size_t n) const {
    return {checked(), detail::read_call::goal::exactly, n};
}

const detail::ref<detail::stream_state>& stream_reader::checked() const {
    if (!state_)
        detail::throw_invalid_state("asyncio: this stream_reader is empty: it was moved from");
    return state_;
}

}  // namespace asyncio
