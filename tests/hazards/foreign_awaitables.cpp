// Awaiting types of other libraries: awaiters that cannot be moved, that live in lvalues, that own
// something, that are found by a free operator.
#include <asyncio/asyncio.hpp>
#include <coroutine>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

class owning {
   public:
    explicit owning(std::string text) : text_(std::move(text)) {}
    static bool await_ready() { return false; }
    static void await_suspend(std::coroutine_handle<> h) { h.resume(); }
    std::string await_resume() { return std::move(text_); }

   private:
    std::string text_;
    counted c_;
};
class immovable {
   public:
    immovable() = default;
    immovable(const immovable&) = delete;
    static bool await_ready() { return true; }
    static void await_suspend(std::coroutine_handle<>) {}
    [[nodiscard]] const immovable* await_resume() const { return this; }

   private:
    counted c_;
};
class gives_immovable {
   public:
    immovable operator co_await() const { return {}; }
};
struct plain {};
owning operator co_await(plain) { return owning(std::string(50, 'p')); }

coroutine<> program() {
    check(co_await owning(std::string(50, 'o')) == std::string(50, 'o'));
    owning named(std::string(50, 'n'));
    check(co_await named == std::string(50, 'n'));
    const immovable stays;
    check(co_await stays == &stays);
    check(co_await gives_immovable() != nullptr);
    check(co_await plain() == std::string(50, 'p'));
    check(co_await asyncio::wait_for(owning(std::string(50, 'w')), 1h) == std::string(50, 'w'));
    const auto t = asyncio::create_task(owning(std::string(50, 't')));
    check(co_await t == std::string(50, 't'));
    co_await std::suspend_never();
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
