// What the scenarios share: a deterministic transcript, and names that both languages print alike.
// The twin of oracle.py.
//
//     SCENARIO(S31_set_once) { ... say("a fact", 42); ... }
//
// prints "== S31 set once", then its facts, one a line.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "asyncio/asyncio.hpp"

namespace transcript {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

// ---- Facts -------------------------------------------------------------------------------------

/// The error that scenarios throw.
class boom : public std::exception {
   public:
    explicit boom(std::string message) : message_(std::move(message)) {}
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

   private:
    std::string message_;
};

/// One that is not an ordinary exception.
struct strange {};

/// The name of an exception as both languages print it.
inline std::string kind(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const boom& e) {
        return std::string("boom ") + e.what();
    } catch (const asyncio::exception_group& e) {
        std::string all;
        for (const std::exception_ptr& member : e.exceptions())
            all += (all.empty() ? "" : ", ") + kind(member);
        return "exception_group[" + all + "]";
    } catch (const asyncio::cancelled_error&) {
        return "cancelled_error";
    } catch (const asyncio::invalid_state_error&) {
        return "invalid_state_error";
    } catch (const asyncio::incomplete_read_error&) {
        return "incomplete_read_error";
    } catch (const asyncio::limit_overrun_error&) {
        return "limit_overrun_error";
    } catch (const asyncio::queue_empty&) {
        return "queue_empty";
    } catch (const asyncio::queue_full&) {
        return "queue_full";
    } catch (const asyncio::queue_shut_down&) {
        return "queue_shut_down";
    } catch (const asyncio::broken_barrier_error&) {
        return "broken_barrier_error";
    } catch (const asyncio::timeout_error&) {
        return "timeout_error";
    } catch (const asyncio::keyboard_interrupt&) {
        return "keyboard_interrupt";
    } catch (const asyncio::system_exit&) {
        return "system_exit";
    } catch (const strange&) {
        return "strange";
    } catch (const std::system_error&) {
        return "os_error";
    } catch (const std::exception&) {
        return "error";  // a misuse
    } catch (...) {
        return "something else";
    }
}

inline std::string text(std::string_view value) { return std::string(value); }
inline std::string text(const char* value) { return value; }
inline std::string text(bool value) { return value ? "yes" : "no"; }
inline std::string text(std::monostate) { return "nothing"; }
inline std::string text(std::nullopt_t) { return "nothing"; }
inline std::string text(const std::exception_ptr& e) { return e ? kind(e) : "nothing"; }
template <std::integral T>
std::string text(T value) {
    return std::to_string(value);
}
template <class T>
std::string text(const std::vector<T>& values);
template <class... T>
std::string text(const std::tuple<T...>& values);
template <class T>
std::string text(const std::optional<T>& value) {
    return value ? text(*value) : "nothing";
}
template <class T>
std::string text(const asyncio::outcome<T>& value) {
    return value.has_value() ? text(value.value()) : kind(value.exception());
}

inline std::string listed(const strings& values) {
    std::string all;
    for (const std::string& value : values) all += (all.empty() ? "" : ", ") + value;
    return "[" + all + "]";
}
template <class T>
std::string text(const std::vector<T>& values) {
    strings all;
    for (const T& value : values) all.push_back(text(value));
    return listed(all);
}
template <class... T>
std::string text(const std::tuple<T...>& values) {
    return std::apply([](const T&... value) { return listed(strings{text(value)...}); }, values);
}
inline std::string text(const std::shared_ptr<strings>& values) { return listed(*values); }

/// Bytes as both languages print them.
inline std::string in_quotes(std::string_view data) {
    std::string out = "\"";
    for (const char c : data) out += c == '\n' ? std::string("\\n") : std::string(1, c);
    return out + "\"";
}

template <class... Facts>
void say(const Facts&... facts) {
    std::string line;
    ((line += (line.empty() ? "" : " ") + text(facts)), ...);
    std::puts(line.c_str());
    std::fflush(stdout);
}

/// A fact in which the library differs from CPython on purpose.
template <class T>
void say_differs(std::string_view label, const T& actual, std::string_view why) {
    say(label, text(actual) + "  # differs: " + text(why));
}

/// What a call gives: its value or the name of its exception.
template <class F>
std::string attempt(F&& f) {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            return "nothing";
        } else {
            return text(f());
        }
    } catch (...) {
        return kind(std::current_exception());
    }
}

/// What an await gives: its value or the name of its exception. Swallows a cancel.
template <asyncio::awaitable A>
asyncio::coroutine<std::string> outcome_of(A aw) {
    try {
        if constexpr (std::is_void_v<asyncio::await_result_t<A>>) {
            co_await std::move(aw);
            co_return "nothing";
        } else {
            co_return text(co_await std::move(aw));
        }
    } catch (...) {
        co_return kind(std::current_exception());
    }
}

/// pending, cancelled, a value or the name of an exception. Counts as retrieving the exception.
template <class T>
std::string state(const asyncio::future<T>& f) {
    if (!f.done()) return "pending";
    if (f.cancelled()) return "cancelled";
    if (f.exception()) return kind(f.exception());
    if constexpr (std::is_void_v<T>) {
        return "nothing";
    } else {
        return text(f.result());
    }
}

// ---- Helpers -----------------------------------------------------------------------------------

/// `finally:` without an await in it.
template <class F>
class finally {
   public:
    explicit finally(F f) : f_(std::move(f)) {}
    finally(const finally&) = delete;
    finally& operator=(const finally&) = delete;
    ~finally() { f_(); }

   private:
    F f_;
};

/// Lets the loop make n iterations.
inline asyncio::coroutine<> turns(int n) {
    for (int i = 0; i < n; ++i) co_await asyncio::sleep(0s);
}

/// Lets everything that is ready, and what it makes ready, run.
inline asyncio::coroutine<> settle() { return turns(20); }

/// Collects what reaches the loop's exception handler: the names of the exceptions.
inline std::shared_ptr<strings> reports(asyncio::event_loop& loop) {
    auto seen = std::make_shared<strings>();
    loop.set_exception_handler(
        [seen](asyncio::event_loop&, const asyncio::exception_context& context) {
            seen->push_back(context.exception ? kind(context.exception) : "message");
        });
    return seen;
}

/// threading.Event.
class thread_event {
   public:
    void set() {
        is_set_ = true;
        is_set_.notify_all();
    }
    void wait() const { is_set_.wait(false); }

   private:
    std::atomic<bool> is_set_{false};
};

/// Collects what is written to standard error while it lives.
class captured_log {
   public:
    captured_log() : file_(std::tmpfile()), stderr_(::dup(2)) {
        std::fflush(stderr);
        ::dup2(::fileno(file_), 2);
    }
    captured_log(const captured_log&) = delete;
    captured_log& operator=(const captured_log&) = delete;
    ~captured_log() {
        stop();
        std::fclose(file_);
    }
    /// Was this written?
    [[nodiscard]] bool has(std::string_view words) {
        return lines().find(words) != std::string::npos;
    }
    [[nodiscard]] std::string lines() {
        std::fflush(stderr);
        std::string all;
        std::rewind(file_);
        for (int c; (c = std::fgetc(file_)) != EOF;) all += static_cast<char>(c);
        return all;
    }
    /// Standard error goes where it went before.
    void stop() {
        if (stderr_ < 0) return;
        std::fflush(stderr);
        ::dup2(stderr_, 2);
        ::close(std::exchange(stderr_, -1));
    }

   private:
    std::FILE* file_;
    int stderr_;
};

// ---- Running -----------------------------------------------------------------------------------

struct scenario {
    std::string name;
    void (*play)();
};
inline std::vector<scenario>& scenarios() {
    static std::vector<scenario> all;
    return all;
}
struct registration {
    registration(const char* name, void (*play)()) { scenarios().push_back({name, play}); }
};

/// Prints the transcript of a topic. Arguments: parts of the names of the scenarios to play.
inline int play(int argc, char** argv) {
    ::unsetenv("ASYNCIODEBUG");
    for (const scenario& s : scenarios()) {
        bool wanted = argc < 2;
        for (int i = 1; i < argc; ++i) wanted |= s.name.find(argv[i]) != std::string::npos;
        if (!wanted) continue;
        std::string header = "== " + s.name;
        for (char& c : header)
            if (c == '_') c = ' ';
        say(header);
        s.play();
    }
    return 0;
}

}  // namespace transcript

/// void scenario, registered under its name: SCENARIO(S31_set_once) { ... }
#define SCENARIO(name)                                                               \
    static void scenario_##name();                                                   \
    static const transcript::registration registered_##name(#name, scenario_##name); \
    static void scenario_##name()
