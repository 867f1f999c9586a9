#include "task/function_name.hpp"

#include <cstddef>

namespace asyncio::detail {

namespace {

constexpr std::size_t none = std::string_view::npos;

/// The position behind the bracket that closes the one at `at`; the end if nothing does.
std::size_t behind_closing(std::string_view s, std::size_t at) {
    int depth = 0;
    for (; at < s.size(); ++at) {
        if (s[at] == '(' || s[at] == '<' || s[at] == '{') ++depth;
        if ((s[at] == ')' || s[at] == '}' || (s[at] == '>' && s[at - 1] != '-')) && --depth == 0)
            return at + 1;
    }
    return s.size();
}

/// "(anonymous namespace)" and the like belong to the name.
bool is_part_of_name(std::string_view parenthesis) {
    return parenthesis.starts_with("(anonymous") || parenthesis.starts_with("(lambda");
}

}  // namespace

std::string readable_name(std::string_view signature) {
    std::string_view s = signature.substr(0, signature.find(" ["));  // [with T = int]
    std::size_t begin = 0;
    for (std::size_t at = 0; at < s.size();) {
        if (s[at] == ' ') {
            begin = ++at;  // that was the type, or "static"
        } else if (s.substr(at).starts_with("operator")) {
            const std::size_t parameters = s.find('(', at + 9);
            at = parameters == none ? s.size() : parameters;
        } else if (s[at] == '(' && !is_part_of_name(s.substr(at))) {
            const std::size_t end = behind_closing(s, at);
            if (!s.substr(end).starts_with("::")) return std::string(s.substr(begin, at - begin));
            at = end;  // a function in which this one is
        } else if (s[at] == '<' || s[at] == '(' || s[at] == '{') {
            at = behind_closing(s, at);
        } else {
            ++at;
        }
    }
    // A lambda of g++: "f(...)::<lambda(int)> mutable", without a type before it.
    const std::size_t lambda = s.find("<lambda(");
    if (lambda == none) return std::string(signature);
    const std::size_t outer = s.find('(');
    std::string name;
    if (outer < lambda) name.append(s, 0, outer).append("()::");
    return name.append(s, lambda, behind_closing(s, lambda) - lambda);
}

bool is_wrapper(const std::source_location& function, const std::source_location& where) {
    const std::string_view file = where.file_name();
    return file.ends_with("asyncio/task/to_coroutine.hpp") ||
           file.ends_with("asyncio/app/run.hpp") ||
           readable_name(function).starts_with("asyncio::detail::");
}

}  // namespace asyncio::detail
