// What acquire() and scoped_acquire() give, of a lock and of a semaphore.
#pragma once

#include "asyncio/sync/guard.hpp"
#include "asyncio/sync/wait_list.hpp"

namespace asyncio::detail {

template <class Lockable, class Wait>
class [[nodiscard("acquire() does nothing until it is awaited: co_await it")]] acquire_call final
    : public sync_awaiter<Lockable, Wait> {
   public:
    explicit acquire_call(Lockable& l) noexcept : acquire_call::sync_awaiter(l) {}
    bool await_ready() noexcept { return this->primitive_.try_acquire(); }
    void await_resume() { this->finish(); }
};

template <class Lockable, class Wait>
class [[nodiscard("scoped_acquire() does nothing until it is awaited: co_await it")]]
scoped_acquire_call final : public sync_awaiter<Lockable, Wait> {
   public:
    explicit scoped_acquire_call(Lockable& l) noexcept : scoped_acquire_call::sync_awaiter(l) {}
    bool await_ready() noexcept { return this->primitive_.try_acquire(); }
    guard<Lockable> await_resume() {
        this->finish();
        return guard<Lockable>(this->primitive_);
    }
};

}  // namespace asyncio::detail
