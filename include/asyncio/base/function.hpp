// An owning, move-only callable: what std::function is, without copying and without its header's
// weight.
#pragma once

#include <type_traits>
#include <utility>

#include "asyncio/base/memory.hpp"

namespace asyncio::detail {

template <class R, class Class, class Target>
decltype(auto) target_of(R Class::*, Target&& target) {
    if constexpr (std::is_base_of_v<Class, std::remove_cvref_t<Target>>)
        return static_cast<Target&&>(target);
    else if constexpr (requires { *std::forward<Target>(target); })
        return *std::forward<Target>(target);
    else
        return target.get();  // a std::reference_wrapper
}

/// Calls f(args...), also through a pointer to a member; what std::invoke does, without its
/// header's weight.
template <class F, class... Args>
decltype(auto) invoke(F&& f, Args&&... args) {
    return std::forward<F>(f)(std::forward<Args>(args)...);
}
template <class F, class Target, class... Args>
    requires std::is_member_pointer_v<std::remove_cvref_t<F>>
decltype(auto) invoke(F&& f, Target&& target, Args&&... args) {
    return (target_of(f, std::forward<Target>(target)).*f)(std::forward<Args>(args)...);
}

template <class Signature>
class function;

template <class R, class... Args>
class function<R(Args...)> {
    struct base : pooled {
        virtual ~base() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F>
    struct holder final : base {
        explicit holder(F&& callable) : f(std::move(callable)) {}
        explicit holder(const F& callable) : f(callable) {}
        R call(Args... args) override { return f(std::forward<Args>(args)...); }
        F f;
    };

   public:
    function() noexcept = default;
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, function>) &&
                std::is_invocable_r_v<R, std::decay_t<F>&, Args...>
    function(F&& f) : p_(new holder<std::decay_t<F>>(std::forward<F>(f))) {}
    function(function&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
    function& operator=(function o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~function() { delete p_; }

    explicit operator bool() const noexcept { return p_ != nullptr; }
    R operator()(Args... args) const { return p_->call(std::forward<Args>(args)...); }

   private:
    base* p_ = nullptr;
};

}  // namespace asyncio::detail
