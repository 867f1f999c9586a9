// How something ended: with a value, with an exception, or cancelled.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "asyncio/base/exceptions.hpp"

namespace asyncio {

namespace detail {

/// An outcome's argument: it was cancelled, for this reason.
struct was_cancelled {
    const cancel_ref& why;
};

}  // namespace detail

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
        holds_ = content::value;
    }
    /// An error, or a cancel if `e` holds a cancelled_error.
    explicit outcome(std::exception_ptr e) noexcept : exception_(std::move(e)) {}
    /// A cancel of which no exception was made yet.
    explicit outcome(detail::was_cancelled c) noexcept : why_(c.why), holds_(content::cancel) {}

    outcome(outcome&& o) noexcept(std::is_nothrow_move_constructible_v<stored>) {
        take(std::move(o));
    }
    outcome(const outcome& o)
        requires std::is_copy_constructible_v<stored>
    {
        take(o);
    }
    outcome& operator=(outcome o) noexcept(std::is_nothrow_move_constructible_v<stored>) {
        drop();
        take(std::move(o));
        return *this;
    }
    ~outcome() { drop(); }

    /// True if it ended with a value.
    [[nodiscard]] bool has_value() const noexcept { return holds_ == content::value; }
    explicit operator bool() const noexcept { return has_value(); }
    /// True if it was cancelled.
    [[nodiscard]] bool cancelled() const noexcept {
        return holds_ == content::cancel || detail::as_cancelled(exception_) != nullptr;
    }
    /// The exception it ended with, or null. If it was cancelled, a cancelled_error, which may be
    /// made anew by every call.
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return holds_ == content::cancel ? detail::make_cancelled(why_) : exception_;
    }

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
    enum class content : std::uint8_t { exception, cancel, value };

    /// Of another one, which keeps what it has. This one holds nothing.
    template <class Other>
    void take(Other&& o) {
        exception_ = o.exception_;
        if (o.holds_ == content::value)
            ::new (static_cast<void*>(&value_)) stored(std::forward<Other>(o).value_);
        else if (o.holds_ == content::cancel)
            std::construct_at(&why_, o.why_);
        holds_ = o.holds_;
    }
    void drop() noexcept {
        if (holds_ == content::value)
            std::destroy_at(&value_);
        else if (holds_ == content::cancel)
            std::destroy_at(&why_);
        holds_ = content::exception;
    }
    void check() const {
        if (holds_ == content::cancel) detail::throw_cancelled(why_);
        if (holds_ == content::value) return;
        if (!exception_)
            detail::throw_invalid_state(
                "asyncio: this outcome is empty: it was made of a null exception_ptr, or an "
                "assignment to it failed");
        std::rethrow_exception(exception_);
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
        detail::cancel_ref why_;
    };
    content holds_ = content::exception;
};

}  // namespace asyncio
