// A lambda that owns its captures is safe on g++ 12 once it has a name, and in a statement of its
// own.
#include <asyncio/asyncio.hpp>
#include <memory>
#include <string>

#include "support/check.hpp"

namespace {

using asyncio::coroutine;
using namespace std::chrono_literals;
using support::check;
using support::counted;

coroutine<> program() {
    const auto owned = std::make_shared<std::string>(100, 'x');
    const counted c;

    // A named lambda, copied and moved.
    auto named = [owned, c]() -> coroutine<std::size_t> {
        co_await asyncio::sleep(0s);
        co_return owned->size();
    };
    check(co_await asyncio::create_task(named) == 100);
    // One that is moved cannot be told from a temporary: the task is named first.
    const auto moved = asyncio::create_task(std::move(named));
    check(co_await moved == 100);

    // An unnamed one in a statement without co_await.
    const auto t = asyncio::create_task([owned, c]() -> coroutine<std::size_t> {
        co_await asyncio::sleep(0s);
        co_return owned->size();
    });
    check(co_await t == 100);

    // A plain function around it: its temporaries are not the coroutine's.
    const auto start = [&] {
        return asyncio::create_task([owned, c]() -> coroutine<std::size_t> {
            co_await asyncio::sleep(0s);
            co_return owned->size();
        });
    };
    const auto started = start();
    check(co_await started == 100);

    // Bodies of blocks usually capture by reference.
    const std::size_t in_block = co_await asyncio::with(
        asyncio::timeout(1h), [&](asyncio::timeout&) -> coroutine<std::size_t> {
            co_await asyncio::sleep(0s);
            co_return owned->size();
        });
    check(in_block == 100);
    auto body = [owned, c](asyncio::timeout&) -> coroutine<std::size_t> {
        co_await asyncio::sleep(0s);
        co_return owned->size();
    };
    check(co_await asyncio::with(asyncio::timeout(1h), body) == 100);
}

}  // namespace

int main() {
    asyncio::run(program());
    check(counted::alive == 0);
}
