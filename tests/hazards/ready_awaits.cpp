// Ten million awaits that never suspend: the stack stays where it is, in every build mode;
// under the thread sanitizer, too.
#include <asyncio/asyncio.hpp>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using support::check;

support::stack stack;

coroutine<int> leaf(int i) {
    if (i % 4096 == 0) stack.probe();
    co_return i & 1;
}
coroutine<int> through_two(int i) { co_return co_await leaf(i); }
coroutine<> nothing() {
    stack.probe();
    co_return;
}
coroutine<std::string> text(int i) { co_return std::string(i % 100 == 0 ? 100u : 3u, 'x'); }
coroutine<int> fails(int i) {
    if (i % 1000 == 0) throw i;
    co_return i;
}

coroutine<std::size_t> depth_after(int n) {
    long sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await leaf(i);
    check(sum == n / 2);
    co_return stack.take_depth();
}

coroutine<> mixed(int n) {
    const auto f = asyncio::get_running_loop().create_future<int>();
    f.set_result(1);
    long sum = 0;
    int caught = 0;
    for (int i = 0; i < n; ++i) {
        sum += co_await through_two(i);
        sum += co_await f;
        co_await nothing();
        sum += static_cast<long>((co_await text(i)).size() % 2);
        try {
            sum += co_await fails(i) & 1;
        } catch (int) {
            ++caught;
        }
    }
    check(sum > n);
    check(caught == n / 1000);
}

coroutine<> program() {
    const std::size_t few = co_await depth_after(10'000);
    const std::size_t many = co_await depth_after(10'000'000);
    check(few == many);
    co_await mixed(support::sanitized ? 100'000 : 1'000'000);
    check(stack.take_depth() < 100'000);
}

}  // namespace

int main() { asyncio::run(program()); }
