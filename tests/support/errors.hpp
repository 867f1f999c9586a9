// Errors as text.
#pragma once

#include <exception>
#include <string>

#include "asyncio/base/exceptions.hpp"

namespace support {

/// What `f` throws: its type and text; "nothing" if it throws nothing.
template <class F>
std::string error_of(F&& f) {
    try {
        f();
    } catch (...) {
        return asyncio::detail::describe(std::current_exception());
    }
    return "nothing";
}

}  // namespace support
