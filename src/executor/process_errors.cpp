#include "asyncio/base/exceptions.hpp"

#include <any>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "asyncio/executor/sent_exception.hpp"
#include "executor/process_protocol.hpp"

namespace asyncio::detail {

namespace {

void put_text(std::string& to, std::string_view text) {
    const std::uint64_t size = text.size();
    to.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

std::string_view take_text(std::string_view& from) {
    std::uint64_t size = 0;
    if (from.size() < sizeof size) return {};
    std::memcpy(&size, from.data(), sizeof size);
    from.remove_prefix(sizeof size);
    const std::string_view text = from.substr(0, size);
    from.remove_prefix(text.size());
    return text;
}

/// Exceptions that are made from their text.
template <class E>
sent_exception of_text() {
    return {&typeid(E),
            [](const std::exception_ptr& error) -> std::string {
                try {
                    std::rethrow_exception(error);
                } catch (const E& e) {
                    return e.what();
                }
            },
            [](std::string_view text) { return std::make_exception_ptr(E(std::string(text))); }};
}

/// Exceptions that say nothing of their own.
template <class E>
sent_exception of_nothing() {
    return {&typeid(E), [](const std::exception_ptr&) { return std::string(); },
            [](std::string_view) { return std::make_exception_ptr(E()); }};
}

std::string write_system_error(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& e) {
        // what() is the text that the error was made with and the system's word for the code.
        std::string text = e.what();
        const std::string tail = e.code().message();
        if (text == tail) {
            text.clear();
        } else if (text.ends_with(": " + tail)) {
            text.resize(text.size() - tail.size() - 2);
        }
        std::string bytes;
        put_text(bytes, std::to_string(e.code().value()));
        put_text(bytes, e.code().category().name());
        put_text(bytes, text);
        return bytes;
    }
}

std::exception_ptr read_system_error(std::string_view bytes) {
    const int value = std::stoi(std::string(take_text(bytes)));
    const std::string_view name = take_text(bytes);
    const std::string text(take_text(bytes));
    const auto& category =
        name == std::system_category().name() ? std::system_category() : std::generic_category();
    if (name != category.name())
        return std::make_exception_ptr(remote_error("std::system_error", text));
    const std::error_code code(value, category);
    return std::make_exception_ptr(text.empty() ? std::system_error(code)
                                                : std::system_error(code, text));
}

std::string write_remote_error(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const remote_error& e) {
        std::string bytes;
        put_text(bytes, e.type());
        put_text(bytes, e.message());
        return bytes;
    }
}

std::exception_ptr read_remote_error(std::string_view bytes) {
    std::string type(take_text(bytes));
    std::string message(take_text(bytes));
    return std::make_exception_ptr(remote_error(std::move(type), std::move(message)));
}

std::string write_cancelled(const std::exception_ptr& error) {
    return std::string(as_cancelled(error)->message());
}

/// By the type's own name, which is the same in every process of a program.
class known_exceptions {
   public:
    known_exceptions() {
        const sent_exception standard[] = {
            of_text<std::logic_error>(),
            of_text<std::domain_error>(),
            of_text<std::invalid_argument>(),
            of_text<std::length_error>(),
            of_text<std::out_of_range>(),
            of_text<std::runtime_error>(),
            of_text<std::range_error>(),
            of_text<std::overflow_error>(),
            of_text<std::underflow_error>(),
            of_text<timeout_error>(),
            of_text<invalid_state_error>(),
            of_text<broken_barrier_error>(),
            of_text<broken_process_pool>(),
            of_nothing<std::exception>(),
            of_nothing<std::bad_alloc>(),
            of_nothing<std::bad_array_new_length>(),
            of_nothing<std::bad_cast>(),
            of_nothing<std::bad_any_cast>(),
            of_nothing<std::bad_typeid>(),
            of_nothing<std::bad_exception>(),
            of_nothing<std::bad_function_call>(),
            of_nothing<std::bad_optional_access>(),
            of_nothing<std::bad_variant_access>(),
            of_nothing<std::bad_weak_ptr>(),
            of_nothing<queue_empty>(),
            of_nothing<queue_full>(),
            of_nothing<queue_shut_down>(),
            sent_exception{&typeid(std::system_error), &write_system_error, &read_system_error},
            sent_exception{&typeid(remote_error), &write_remote_error, &read_remote_error},
            sent_exception{&typeid(cancelled_error), &write_cancelled, [](std::string_view text) {
                               return std::make_exception_ptr(cancelled_error(text));
                           }}};
        for (const sent_exception& e : standard) add(e);
    }
    void add(const sent_exception& e) {
        const std::lock_guard lock(mutex_);
        known_.insert_or_assign(e.type->name(), e);
    }
    std::optional<sent_exception> find(std::string_view name) {
        const std::lock_guard lock(mutex_);
        const auto at = known_.find(name);
        return at == known_.end() ? std::nullopt : std::optional(at->second);
    }

   private:
    std::mutex mutex_;
    std::map<std::string, sent_exception, std::less<>> known_;
};

known_exceptions& known() {
    static known_exceptions* const all = new known_exceptions;  // threads may outlive statics
    return *all;
}

}  // namespace

void register_sent_exception(const sent_exception& e) { known().add(e); }

std::string pack_exception(const std::exception_ptr& error) {
    const char* name = error.__cxa_exception_type()->name();
    std::string bytes;
    if (const auto how = known().find(name)) {
        try {
            const std::string content = how->write(error);
            put_text(bytes, name);
            return bytes + content;
        } catch (...) {
            bytes.clear();  // it cannot be written: its type and text can
        }
    }
    std::string text = describe(error);
    const std::string type = text.substr(0, text.find(": "));
    put_text(bytes, typeid(remote_error).name());
    put_text(bytes, type);
    put_text(bytes, text.size() > type.size() ? std::string_view(text).substr(type.size() + 2)
                                              : std::string_view());
    return bytes;
}

std::exception_ptr unpack_exception(std::span<const char> bytes) {
    std::string_view rest(bytes.data(), bytes.size());
    const std::string_view name = take_text(rest);
    try {
        if (const auto how = known().find(name)) return how->read(rest);
    } catch (...) {
        return std::current_exception();
    }
    return std::make_exception_ptr(remote_error(
        std::string(name), "its type was registered after the pool was made, or only there"));
}

}  // namespace asyncio::detail
