// Exceptions that come back from other processes as themselves.
#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include "asyncio/executor/process_archive.hpp"
#include "asyncio/executor/sent_exception.hpp"

namespace asyncio {

namespace detail {

template <class E>
concept exception_of_text =
    std::is_base_of_v<std::exception, E> && std::is_constructible_v<E, const std::string&>;
template <class E>
concept exception_of_fields = serialisable<E>::value && std::is_default_constructible_v<E>;

template <class E>
std::string write_exception(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const E& e) {
        if constexpr (exception_of_fields<E>) {
            process_writer counter;
            counter(e);
            std::string bytes(counter.size(), '\0');
            process_writer to(bytes.data(), bytes.size());
            to(e);
            return bytes;
        } else {
            return e.what();
        }
    }
}

template <class E>
std::exception_ptr read_exception(std::string_view bytes) {
    if constexpr (exception_of_fields<E>) {
        E e{};
        process_reader from(bytes);
        from(e);
        return std::make_exception_ptr(std::move(e));
    } else {
        return std::make_exception_ptr(E(std::string(bytes)));
    }
}

}  // namespace detail

/// From now on exceptions of exactly this type come back from the processes of pools that are made
/// later. E is serialised, if it says how, or made again from its what().
template <class E>
void register_exception() {
    static_assert(detail::exception_of_fields<E> || detail::exception_of_text<E>,
                  "to come back from another process, an exception needs a constructor that takes "
                  "its text (const std::string&), or a default constructor and template <class "
                  "Archive> void serialize(Archive& a)");
    detail::register_sent_exception(
        {&typeid(E), &detail::write_exception<E>, &detail::read_exception<E>});
}

}  // namespace asyncio
