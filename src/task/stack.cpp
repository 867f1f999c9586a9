// Async stacks, and reports about coroutines: names and places come from the frames themselves.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "asyncio/loop/event_loop.hpp"
#include "asyncio/task/task.hpp"
#include "base/place.hpp"
#include "sys/symbolize.hpp"
#include "task/function_name.hpp"

namespace asyncio::detail {

#if ASYNCIO_GCC12
ASYNCIO_THREAD_LOCAL void* last_frame = nullptr;

void refuse_broken_frame(std::source_location function) {
    std::fprintf(stderr,
                 "asyncio: g++ 12 has miscompiled the coroutine '%s' (%s): a co_await in the "
                 "condition of an if, "
                 "while or switch, with no local variable around it.\n"
                 "  Name the result first: `const bool ok = co_await ...; if (ok) ...`\n",
                 readable_name(function).c_str(), function.file_name());
    std::abort();
}
#endif

std::vector<stack_frame> stack_of(const task_state_base& t) {
    std::vector<stack_frame> frames;
    for (const promise_base* p = t.root; p != nullptr; p = p->child)
        frames.push_back({p->function.function_name(), p->where});
    return frames;
}

namespace {

std::string frame_line(std::source_location function, std::source_location where) {
    const bool wrapper = is_wrapper(function, where);
    if (wrapper && where.line() == 0) return "    (it has not begun)\n";
    std::string line = "    ";
    if (where.line() != 0 && !wrapper) {
        line += place_text(where);
    } else {
        line += function.file_name();  // its line is not reliable
    }
    line += " in " + readable_name(function);
    if (where.line() == 0) line += " (before any co_await)";
    return line + "\n";
}

}  // namespace

std::string format_stack(const task_state_base& t) {
    const std::string frames = t.root != nullptr ? format_frames(t) : "    (it is done)\n";
    return "  stack of task '" + t.name() + "' (innermost await last):\n" + frames;
}

std::string format_frames(const task_state_base& t) {
    constexpr int most_frames = 50;
    std::string text;
    int depth = 0;
    for (const promise_base* p = t.root; p != nullptr; p = p->child) {
        const bool last = p->child == nullptr;
        if (!last && is_wrapper(p->function, p->where)) continue;
        if (last || depth < most_frames) text += frame_line(p->function, p->where);
        ++depth;
    }
    if (depth > most_frames)
        text +=
            "    (" + std::to_string(depth - most_frames) + " frames in between are not shown)\n";
    if (t.waiting_on != nullptr) text += "    waits for " + t.waiting_on->describe() + "\n";
    return text;
}

exception_trace& trace_of(task_state_base& t) { return t.make_extras().trace; }

namespace {

using trace_entries = std::vector<exception_trace::entry>;

/// Reports show the ends of a long chain.
constexpr std::size_t most_entries = 50;

/// The awaits of `t` down to `leaf`, outermost first.
trace_entries entries_down_to(const task_state_base& t, const promise_base& leaf) {
    const std::size_t depth = std::size_t{leaf.depth} + 1;
    trace_entries entries(std::min(depth, most_entries));
    const auto entry_of = [](const promise_base& p) {
        return exception_trace::entry{p.function, p.where, 0, {}};
    };
    const std::size_t outer = entries.size() / 2;
    const promise_base* at = t.root;
    for (std::size_t i = 0; i < outer; ++i, at = at->child) entries[i] = entry_of(*at);
    at = &leaf;
    for (std::size_t i = entries.size(); i > outer; at = at->parent) entries[--i] = entry_of(*at);
    if (depth > entries.size()) entries[outer].hidden = depth - entries.size();
    return entries;
}

void keep_the_ends(trace_entries& entries) {
    if (entries.size() <= most_entries) return;
    const auto first = entries.begin() + most_entries / 2;
    const auto last = entries.end() - most_entries / 2;
    for (auto at = first; at != last; ++at) last->hidden += 1 + at->hidden;
    entries.erase(first, last);
}

const exception_trace* known_trace(const task_state_base& t, const std::exception_ptr& e) noexcept {
    return t.extras && t.extras->trace.exception == e ? &t.extras->trace : nullptr;
}

}  // namespace

void note_exception(promise_base& p) noexcept {
    if (p.task == nullptr) return;
    task_state_base& t = *p.task;
    if (known_trace(t, p.exception) != nullptr) return;  // it was noted further in
    if (as_cancelled(p.exception) != nullptr) return;
    try {
        exception_trace& trace = trace_of(t);
        trace.exception = nullptr;
        trace.entries = entries_down_to(t, p);
        trace.exception = p.exception;
    } catch (...) {
        return;  // out of memory: the report will lack its stack
    }
}

void meet_exception(const future_state_base& failed) noexcept {
    task_state_base* t = running_loop != nullptr ? running_loop->current_task : nullptr;
    if (t == nullptr || !failed.is_task) return;
    const auto& inner = static_cast<const task_state_base&>(failed);
    const exception_trace* from = known_trace(inner, failed.exception);
    if (from == nullptr) return;
    try {
        exception_trace& trace = trace_of(*t);
        trace.exception = nullptr;
        const promise_base* leaf = t->root;
        while (leaf->child != nullptr) leaf = leaf->child;
        trace.entries = entries_down_to(*t, *leaf);
        const std::size_t border = trace.entries.size();
        trace.entries.insert(trace.entries.end(), from->entries.begin(), from->entries.end());
        if (border < trace.entries.size()) trace.entries[border].task = inner.name();
        keep_the_ends(trace.entries);
        trace.exception = failed.exception;
    } catch (...) {
        return;  // out of memory: the report will lack its stack
    }
}

std::string format_trace(const task_state_base& t, const std::exception_ptr& e) {
    const exception_trace* trace = known_trace(t, e);
    if (trace == nullptr) return {};
    std::string text = "  await chain (innermost last; lines are of the co_awaits):\n";
    bool empty = true;
    for (const exception_trace::entry& at : trace->entries) {
        if (at.hidden != 0)
            text += "    (" + std::to_string(at.hidden) + " frames in between are not shown)\n";
        if (!at.task.empty()) text += "    the awaited task '" + at.task + "':\n";
        if (is_wrapper(at.function, at.where)) continue;
        text += frame_line(at.function, at.where);
        empty = false;
    }
    if (empty) text += frame_line(trace->entries.back().function, trace->entries.back().where);
    text.pop_back();
    return text;
}

void throw_no_loop(const char* operation) {
    throw std::runtime_error(
        std::string("asyncio: ") + operation +
        ": no event loop runs in this thread; call it inside a coroutine that was started "
        "with asyncio::run(...)");
}

namespace {

/// Where a coroutine that has not started was made: "file:line in function"; empty without debug
/// info.
std::string creation_site(const promise_base& p) {
    // Innermost come the promise's own functions and then the coroutine's. If the call was inlined,
    // the caller follows; if it was not, the caller is where the call returns to.
    std::vector<source_place> places = symbolize(p.created_in);
    std::erase_if(places, [](const source_place& at) {
        return at.file.ends_with("asyncio/task/promise.hpp");
    });
    source_place site;
    if (places.size() > 1) {
        site = places[1];
    } else {
        places = symbolize(static_cast<const char*>(p.created_by) - 1);
        if (!places.empty()) site = places.front();
    }
    if (site.file.empty()) return site.function;
    std::string text = site.file + ":" + std::to_string(site.line);
    if (!site.function.empty()) text += " in " + site.function;
    return text;
}

}  // namespace

void report_never_awaited(const promise_base& p) noexcept {
    try {
        std::string message = "coroutine '" + readable_name(p.function) + "' was never awaited";
        std::string details = std::string("  defined in ") + p.function.file_name();
        const time_point start = running_loop != nullptr ? running_loop->now() : time_point();
        const std::string site = creation_site(p);
        if (running_loop != nullptr) running_loop->reporting += running_loop->now() - start;
        if (!site.empty()) details += "\n  created at " + site;
        details += "\n  write co_await, or give it to create_task() or run()";
        if (running_loop != nullptr) {
            loop_for("report").call_exception_handler({.message = std::move(message),
                                                       .exception = nullptr,
                                                       .task_name = {},
                                                       .details = std::move(details)});
            return;
        }
        message += "\n" + details + "\n";
        std::fwrite(message.data(), 1, message.size(), stderr);
    } catch (...) {
        std::fputs("asyncio: a coroutine was never awaited\n", stderr);
    }
}

void throw_awaited_by_two() {
    throw_runtime_error(
        "asyncio: another task is waiting with this awaiter already: let each task make its own, "
        "as in co_await l.acquire()");
}

void throw_awaited_twice() {
    throw invalid_state_error(
        "asyncio: this coroutine was awaited, started or moved from already; a coroutine runs once "
        "(create_task gives "
        "a task, which can be awaited many times)");
}

std::exception_ptr no_value_error(const promise_base& p) {
    return std::make_exception_ptr(std::logic_error(
        "asyncio: the coroutine '" + readable_name(p.function) +
        "' reached its end without a co_return: every path must co_return a value"));
}

void throw_no_value(const promise_base& p) { std::rethrow_exception(no_value_error(p)); }

}  // namespace asyncio::detail
