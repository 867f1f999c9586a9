// co_await in the middle of expressions: arguments, operators, conditionals, members, default
// arguments, text put together.
#include <asyncio/asyncio.hpp>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<int> number(int n) {
    co_await asyncio::sleep(0s);
    co_return n;
}
coroutine<std::string> text(char c) {
    co_await asyncio::sleep(0s);
    co_return std::string(40, c);
}
coroutine<bool> yes() { co_return true; }

int add(int a, int b, int c) { return 100 * a + 10 * b + c; }
std::string join(std::string a, const std::string& b, counted) { return a + b; }

class account {
   public:
    coroutine<> deposit(int n) {
        balance_ = co_await number(balance_ + n);  // the result goes straight into a member
        balance_ += co_await number(n);
        history_ = history_ + co_await text('h') + "!";
    }
    [[nodiscard]] int balance() const { return balance_; }
    [[nodiscard]] std::size_t history() const { return history_.size(); }

   private:
    int balance_ = 0;
    std::string history_;
};

coroutine<> program() {
    check(add(co_await number(1), co_await number(2), co_await number(3)) == 123);
    check(join(co_await text('a'), co_await text('b'), counted()).size() == 80);
    const std::string long_text =
        "<" + co_await text('a') + "-" + std::to_string(co_await number(7)) + co_await text('b');
    check(long_text.size() == 1 + 40 + 1 + 1 + 40);
    const bool ok = co_await yes();
    const int chosen = ok ? co_await number(1) : co_await number(2);
    check(chosen == 1);
    const bool both = co_await yes() && co_await number(3) == 3;
    const bool either = co_await number(0) == 1 || co_await yes();
    check(both && either);
    int array[] = {0, 0, 0};
    array[co_await number(1)] = co_await number(5);
    check(array[1] == 5);
    account a;
    co_await a.deposit(10);
    check(a.balance() == 20 && a.history() == 41);
    int n = 0;
    n = co_await number(1), n += co_await number(2);
    check(n == 3);
    const std::size_t size = (co_await text('s')).append(co_await text('t')).size();
    check(size == 80);
    // An aggregate gets its parts one by one, by their names.
    auto part = co_await text('p');
    struct parcel {
        std::string part;
        counted c;
    };
    const parcel p{std::move(part), counted()};
    check(p.part.size() == 40);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
