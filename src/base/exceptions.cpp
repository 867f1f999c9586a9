#include "asyncio/base/exceptions.hpp"

#include <cstring>
#include <typeinfo>
#include <utility>

#include "base/demangle.hpp"
#include "base/place.hpp"

namespace asyncio {

std::string_view to_string(cancel_kind kind) noexcept {
    switch (kind) {
        case cancel_kind::explicit_request:
            return "explicit";
        case cancel_kind::deadline:
            return "deadline";
        case cancel_kind::sibling_failed:
            return "sibling failed";
        case cancel_kind::shutdown:
            return "shutdown";
        case cancel_kind::signal:
            return "signal";
    }
    return "unknown";
}

cancelled_error::cancelled_error(std::string_view message) {
    if (!message.empty())
        record_ = detail::make_cancel(message, cancel_kind::explicit_request, {}, {});
}

std::string_view cancelled_error::message() const noexcept {
    return record_ ? std::string_view(record_->message) : std::string_view();
}

const cancel_reason& cancelled_error::reason() const noexcept {
    static const cancel_reason unknown;
    return record_ ? record_->reason : unknown;
}

std::string cancelled_error::describe() const {
    std::string text = "cancelled";
    if (!message().empty()) text.append(": ").append(message());
    if (!record_) return text;
    text.append(" (").append(to_string(reason().kind));
    if (!reason().who.empty()) text.append(", by ").append(reason().who);
    if (reason().where.line() != 0) text.append(", at ").append(detail::place_text(reason().where));
    return text.append(")");
}

namespace {

std::string partial_text(std::size_t got, std::size_t expected) {
    std::string text = "asyncio: the stream ended after " + std::to_string(got);
    if (expected != 0) return text + " of " + std::to_string(expected) + " expected bytes";
    return text + " bytes, before the separator";
}

std::string group_text(const std::string& message, const std::vector<std::exception_ptr>& members) {
    std::string text = message + " (" + std::to_string(members.size());
    text += members.size() == 1 ? " sub-exception)" : " sub-exceptions)";
    for (const std::exception_ptr& e : members) {
        text += "\n  - ";
        for (const char c : detail::describe(e)) {  // a group among them is indented
            text += c;
            if (c == '\n') text += "  ";
        }
    }
    return text;
}

}  // namespace

incomplete_read_error::incomplete_read_error(std::string partial, std::size_t expected)
    : std::runtime_error(partial_text(partial.size(), expected)),
      partial_(std::move(partial)),
      expected_(expected) {}

exception_group::exception_group(const std::string& message,
                                 std::vector<std::exception_ptr> exceptions)
    : std::runtime_error(group_text(message, exceptions)),
      message_(message),
      exceptions_(std::move(exceptions)) {}

remote_error::remote_error(std::string type, std::string message)
    : std::runtime_error(message.empty() ? type : type + ": " + message),
      type_(std::move(type)),
      message_(std::move(message)) {}

namespace detail {

cancel_ref make_cancel(std::string_view message, cancel_kind kind, std::string who,
                       std::source_location where) {
    return cancel_ref::adopt(
        new cancel_record(message, kind, [&] { return std::move(who); }, where));
}

namespace {

const std::type_info* type_of(const std::exception_ptr& e) noexcept {
    return e ? e.__cxa_exception_type() : nullptr;
}

}  // namespace

const void* thrown_object(const std::exception_ptr& e) noexcept {
    // An exception_ptr of libstdc++ is one pointer, to the thrown object.
    static_assert(sizeof(std::exception_ptr) == sizeof(void*));
    const void* object = nullptr;
    std::memcpy(&object, &e, sizeof object);
    return object;
}

const cancelled_error* as_cancelled(const std::exception_ptr& e) noexcept {
    const std::type_info* type = type_of(e);
    if (type == nullptr || *type != typeid(cancelled_error)) return nullptr;
    return static_cast<const cancelled_error*>(thrown_object(e));
}

bool is_fatal(const std::exception_ptr& e) noexcept {
    const std::type_info* type = type_of(e);
    return type != nullptr && (*type == typeid(keyboard_interrupt) || *type == typeid(system_exit));
}

std::string describe(const std::exception_ptr& e) {
    if (!e) return "no exception";
    const std::string type = demangle(type_of(e)->name());
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& x) {
        return type + ": " + x.what();
    } catch (const cancelled_error& x) {
        return type + ": " + x.describe();
    } catch (const char* text) {
        return type + ": " + text;
    } catch (const std::string& text) {
        return type + ": " + text;
    } catch (int value) {
        return type + ": " + std::to_string(value);
    } catch (...) {
        return type;
    }
}

std::exception_ptr make_cancelled(const cancel_ref& record) noexcept {
    return std::make_exception_ptr(cancelled_error(record));
}
void throw_invalid_state(const char* what) { throw invalid_state_error(what); }
void throw_runtime_error(const char* what) { throw std::runtime_error(what); }
void throw_invalid_argument(const char* what) { throw std::invalid_argument(what); }

}  // namespace detail
}  // namespace asyncio
