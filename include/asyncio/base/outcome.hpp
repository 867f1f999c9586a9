// How something ended: with a value, with an exception, or cancelled.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "asyncio/base/exceptions.hpp"

namespace asyncio {

/// How an awaited thing ended, as a value: what as_outcome and gather(return_exceptions, ...) give.
template <class T = void>
class [[nodiscard]] outcome {
    using stored = std::conditional_t<
        std::is_void_v<T>, char,
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

   public:
    using value_type = T;

    /// A value. `outcome<void>` is made with no argument.
    template <class... U>
    explicit outcome(std::in_place_t, U&&... value) {
        if constexpr (std::is_reference_v<T>) {
            ::new (static_cast<void*>(&value_)) stored(std::addressof(value)...);
        } else {
            ::new (static_cast<void*>(&value_)) stored(std::forward<U>(value)...);
        }
        has_value_ = true;
    }
    /// An error, or a cancel if `e` holds a cancelled_error.
    explicit outcome(std::exception_ptr e) noexcept : exception_(std::move(e)) {}

    outcome(outcome&& o) noexcept(std::is_nothrow_move_constructible_v<stored>)
        : exception_(o.exception_) {
        if (o.has_value_) ::new (static_cast<void*>(&value_)) stored(std::move(o.value_));
        has_value_ = o.has_value_;
    }
    outcome(const outcome& o)
        requires std::is_copy_constructible_v<stored>
        : exception_(o.exception_) {
        if (o.has_value_) ::new (static_cast<void*>(&value_)) stored(o.value_);
        has_value_ = o.has_value_;
    }
    outcome& operator=(outcome o) noexcept(std::is_nothrow_move_constructible_v<stored>) {
        if (has_value_) std::destroy_at(&value_);
        has_value_ = false;
        exception_ = o.exception_;
        if (o.has_value_) ::new (static_cast<void*>(&value_)) stored(std::move(o.value_));
        has_value_ = o.has_value_;
        return *this;
    }
    ~outcome() {
        if (has_value_) std::destroy_at(&value_);
    }

    /// True if it ended with a value.
    [[nodiscard]] bool has_value() const noexcept { return has_value_; }
    explicit operator bool() const noexcept { return has_value_; }
    /// True if it was cancelled.
    [[nodiscard]] bool cancelled() const noexcept {
        return detail::as_cancelled(exception_) != nullptr;
    }
    /// The exception it ended with (a cancelled_error if cancelled), or null.
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }

    /// The value; throws the exception if there is none.
    decltype(auto) value() & { return get(*this); }
    decltype(auto) value() const& { return get(*this); }
    T value() && {
        check();
        if constexpr (std::is_reference_v<T>) {
            return *value_;
        } else if constexpr (!std::is_void_v<T>) {
            return std::move(value_);
        }
    }

   private:
    void check() const {
        if (!has_value_) std::rethrow_exception(exception_);
    }
    template <class Self>
    static decltype(auto) get(Self& self) {
        self.check();
        if constexpr (std::is_reference_v<T>) {
            return (*self.value_);
        } else if constexpr (!std::is_void_v<T>) {
            return (self.value_);
        }
    }

    std::exception_ptr exception_;
    union {
        stored value_;
    };
    bool has_value_ = false;
};

}  // namespace asyncio
