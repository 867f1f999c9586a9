// Temporaries that g++ 12 destroys twice if they stand in one expression with co_await.
#pragma once

#include <type_traits>

#include "asyncio/base/config.hpp"

/// 1: such temporaries are accepted also on g++ 12; for code that names everything first.
#ifndef ASYNCIO_ALLOW_TEMPORARIES
#define ASYNCIO_ALLOW_TEMPORARIES !ASYNCIO_GCC12
#endif

namespace asyncio::detail {

/// Whether an argument, deduced as T for a parameter `T&&`, may be a braced aggregate with owning
/// members. A named object that was moved from cannot be told from a temporary.
template <class T>
inline constexpr bool is_fragile_aggregate =
    !(ASYNCIO_ALLOW_TEMPORARIES) && std::is_class_v<T> && !std::is_trivially_destructible_v<T> &&
    std::is_aggregate_v<T>;

/// The same, or a lambda whose captures own something.
template <class T>
inline constexpr bool is_fragile_temporary =
    is_fragile_aggregate<T> ||
    (!(ASYNCIO_ALLOW_TEMPORARIES) && std::is_class_v<T> && !std::is_trivially_destructible_v<T> &&
     !std::is_default_constructible_v<T>);

/// The same for an argument: a class of any kind, of which only lambdas are to be suspected.
template <class T>
inline constexpr bool is_fragile_argument =
    is_fragile_aggregate<T> || (is_fragile_temporary<T> && requires { &T::operator(); });

}  // namespace asyncio::detail
