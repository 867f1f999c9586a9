// What everybody waits for, as text.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/place.hpp"
#include "task/function_name.hpp"
#include "testing/sim_world.hpp"

namespace asyncio::detail {

namespace {

/// "worker(int)" of "asyncio::coroutine<void> worker(int)".
std::string_view short_name(std::string_view function) {
    constexpr std::string_view result = "asyncio::coroutine<";
    if (!function.starts_with(result)) return function;
    int depth = 1;
    std::size_t i = result.size();
    while (i < function.size() && depth > 0) {
        if (function[i] == '<') ++depth;
        if (function[i] == '>') --depth;
        ++i;
    }
    while (i < function.size() && function[i] == ' ') ++i;
    return i < function.size() ? function.substr(i) : function;
}

std::string place_of(const promise_base& p) {
    const std::string name(short_name(p.function.function_name()));
    const bool has_name = !readable_name(p.function).starts_with("asyncio::detail::");
    if (p.where.line() == 0 || is_wrapper(p.function, p.where))
        return "(its start)" + (has_name ? " " + name : "");
    return place_text(p.where) + " in " + name;
}

struct waiting {
    const sim_host* host;
    const task_state_base* task;
};

std::vector<waiting> unfinished_tasks(const sim_world& world) {
    std::vector<waiting> all;
    for (const auto& host : world.hosts()) {
        if (!host->is_up()) continue;
        for (const task_link& link : host->loop->tasks)
            all.push_back({host.get(), static_cast<const task_state_base*>(&link)});
    }
    return all;
}

const task_state_base* owner_of(const task_state_base& t) {
    return t.waiting_on != nullptr ? t.waiting_on->owner() : nullptr;
}

std::string what_it_waits_for(const task_state_base& t) {
    return t.waiting_on != nullptr ? t.waiting_on->describe() : "its turn";
}

/// "  cycle: 'a' waits for lock 'B' held by 'b', which waits for ...": each cycle once.
std::string cycles(const std::vector<waiting>& all) {
    std::string text;
    std::vector<const task_state_base*> told;
    for (const waiting& w : all) {
        std::vector<const task_state_base*> path;
        const task_state_base* t = w.task;
        while (t != nullptr && std::find(path.begin(), path.end(), t) == path.end() &&
               std::find(told.begin(), told.end(), t) == told.end()) {
            path.push_back(t);
            t = owner_of(*t);
        }
        const auto begin = std::find(path.begin(), path.end(), t);
        if (t != nullptr && begin != path.end()) {
            text += "  a cycle: task '" + t->name() + "'";
            for (auto at = begin; at != path.end(); ++at) {
                const task_state_base* next = owner_of(**at);
                text += " waits for " + what_it_waits_for(**at);
                text += at + 1 == path.end() ? "\n" : ";\n           task '" + next->name() + "'";
            }
        }
        told.insert(told.end(), path.begin(), path.end());
    }
    return text;
}

}  // namespace

std::string seconds_text(std::chrono::nanoseconds t) {
    char text[64];
    std::snprintf(text, sizeof text, "%.6f s", std::chrono::duration<double>(t).count());
    return text;
}

std::string name_in(const sim_world& world, const sim_host& host, const task_state_base& t) {
    std::string text = "'" + t.name() + "'";
    if (world.hosts().size() > 1) text += " on host '" + host.name + "'";
    return text;
}

std::string await_chain(const task_state_base& t, std::string_view indent) {
    constexpr int most_frames = 40;
    std::string text;
    int shown = 0;
    for (const promise_base* p = t.root; p != nullptr; p = p->child) {
        if (is_wrapper(p->function, p->where) && p->child != nullptr) continue;
        if (++shown > most_frames && p->child != nullptr) continue;
        text.append(indent).append("at ").append(place_of(*p)).append("\n");
    }
    if (shown > most_frames + 1)
        text.append(indent).append("(" + std::to_string(shown - most_frames - 1) +
                                   " awaits before the last one are not shown)\n");
    return text;
}

std::string innermost_await(const task_state_base& t) {
    const promise_base* p = t.root;
    if (p == nullptr) return "(it is done)";
    const promise_base* shown = p;
    for (; p != nullptr; p = p->child)
        if (!is_wrapper(p->function, p->where)) shown = p;
    return place_of(*shown);
}

std::string wait_graph(const sim_world& world) {
    constexpr std::size_t most_tasks = 50;
    const std::vector<waiting> all = unfinished_tasks(world);
    std::string text;
    for (std::size_t i = 0; i < all.size() && i < most_tasks; ++i) {
        const task_state_base& t = *all[i].task;
        text += "  task " + name_in(world, *all[i].host, t) + " waits for " + what_it_waits_for(t) +
                "\n";
        text += await_chain(t, "      ");
    }
    if (all.size() > most_tasks)
        text += "  (" + std::to_string(all.size() - most_tasks) + " more tasks are not shown)\n";
    return text + cycles(all);
}

}  // namespace asyncio::detail
